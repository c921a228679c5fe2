"""Voices: prefixes that say what a speaker sounds like."""
