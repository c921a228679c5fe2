"""The system message: the preamble, a note on the sounds of the voice, the instructions."""

from collections.abc import Sequence

from agent.config.load import Config
from tts import ExpressiveSpeech, TextToSpeech

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


def opening(config: Config, tts: TextToSpeech, instructions: str | None = None) -> str:
    """The system message of an agent in this voice; with other instructions if they are given."""
    sounds = tts.sounds if config.agent.sounds and isinstance(tts, ExpressiveSpeech) else ()
    own = config.agent.instructions if instructions is None else instructions
    return system_message(config.agent.preamble, own, sounds)
