"""Whisper, by faster-whisper."""

from stt.whisper.engine import Whisper

__all__ = ["Whisper"]
