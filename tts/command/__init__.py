"""Programs as voices: any that makes a WAV of a text, or reads lines and writes their sound."""

from tts.command.engine import Command
from tts.command.program import decode_wav

__all__ = ["Command", "decode_wav"]
