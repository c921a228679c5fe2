"""Mimi, the codec."""
