"""Dia against recordings of what others make of the same weights."""
