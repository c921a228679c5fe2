"""Limits on what comes in from outside: bytes are counted before they are kept."""
