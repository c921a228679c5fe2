"""Dia's network: an encoder of bytes, and a decoder of delayed codes that hears it."""
