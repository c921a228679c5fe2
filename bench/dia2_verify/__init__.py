"""Checks an implementation of Dia2 against golden data."""
