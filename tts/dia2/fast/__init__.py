"""Dia2's network for speed: the numbers of `tts.dia2.network`, in fewer and larger operations."""
