"""Dia, the first generation: a dialogue in one pass, heard while it is made."""
