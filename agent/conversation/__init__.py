"""The conversation: what is said, heard, interrupted and remembered."""
