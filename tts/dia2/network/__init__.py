"""Dia2's reference network: readable, exact, below everything fast."""
