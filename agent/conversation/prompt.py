"""The system message: the preamble, a note on the sounds of the voice, the instructions."""

from collections.abc import Sequence

SOUNDS_NOTE = (
    "Your voice can make these sounds where you write them in parentheses, rarely and only where "
    "a person would: {sounds}."
)


def system_message(preamble: str, instructions: str, sounds: Sequence[str] = ()) -> str:
    """What stands before the conversation; empty if all parts are.

    `sounds` are those that the voice can make, none if the model is not to know of them.
    """
    listed = ", ".join(f"({sound})" for sound in sounds)
    note = SOUNDS_NOTE.format(sounds=listed) if listed else ""
    return "\n\n".join(part.strip() for part in (preamble, note, instructions) if part.strip())
