"""Dia on a thread of its own: text into takes, takes into sound."""
