"""Dia2: dialogue text in, speech out, frame by frame."""
