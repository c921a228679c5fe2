"""The configurations that come with Parley, and a recorded question to try them on."""

from pathlib import Path

QUESTION = Path(__file__).with_name("question.wav")
"""Somebody asks for the capital of France (16 kHz, mono)."""
