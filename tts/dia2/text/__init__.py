"""Dia2's text side: tokens, script, state machine."""
