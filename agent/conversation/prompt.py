"""What every language model is told before its instructions: that it is heard, not read."""

from collections.abc import Sequence

PREAMBLE = (
    "This is a spoken conversation: your words are read aloud as you write them, and the user's "
    "words come from a speech recogniser, which may mishear. Answer as people talk: one to three "
    "short sentences unless asked for more, the answer first. Write plain sentences only: no "
    "lists, headings, tables, markdown, code, emoji or links. Write numbers, units and "
    "abbreviations so that they can be said. When the user's words make no sense, ask. An answer "
    "of yours that ends in a dash was interrupted there: the user did not hear the rest."
)
"""The default of `agent.conversation.prompt`."""

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
