"""Loops that Numba compiles, for transformers on a processor."""
