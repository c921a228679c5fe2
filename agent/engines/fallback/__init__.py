"""Fallback between several engines of a kind: the first that works is used (`ranking`)."""
