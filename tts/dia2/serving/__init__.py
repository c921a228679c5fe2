"""Serving: sequences in slots, stepped together."""
