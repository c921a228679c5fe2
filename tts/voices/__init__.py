"""Voices: recordings in a codec's codes, with their words, that a model goes on from."""
