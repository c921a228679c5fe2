"""Sounds that are no words, `(laughs)`: some engines make them, the others must not read them."""

from tts.clean.source import Source
from tts.clean.writer import GAP

SOUNDS = (
    *("laughs", "chuckles", "sighs", "gasps", "coughs", "clears throat", "sniffs", "sneezes"),
    *("groans", "yawns", "inhales", "exhales", "hums", "whistles", "mumbles", "screams"),
    *("claps", "applause", "singing", "burps"),
)
"""As they stand between parentheses."""


def read_sound(source: Source) -> str | None:
    """Read a sound that the engine cannot make; nothing is held back that cannot be one."""
    length = 0
    while True:
        char = source.peek(1 + length)
        text = source.look(1, 1 + length).lower()
        if char == ")" and text in SOUNDS:
            source.take(length + 2)
            return GAP
        if not any(sound.startswith(text + char.lower()) and char for sound in SOUNDS):
            return None
        length += 1
