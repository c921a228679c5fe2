"""Dia2 on a processor: loops that Numba compiles."""
