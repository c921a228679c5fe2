"""Asking before a tool with consequences runs: what counts as a yes, pure logic."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llm_adapters import Message, ToolCall

# fmt: off
YES = {
    "yes", "yeah", "yep", "yup", "sure", "ok", "okay", "right", "correct", "confirm", "confirmed",
    "definitely", "absolutely", "certainly",
    "ja", "jawohl", "klar", "oui", "si", "sí", "sim", "da", "hai",
}
"""A yes has one of these, or one of the phrases below."""
PHRASES = re.compile(r"\b(?:go ahead|do it|do that|of course|please do|d accord|mach das|gerne)\b")
FILLERS = {
    "please", "thanks", "thank", "you", "i", "do", "that", "it", "now", "just", "go", "ahead", "of",
    "course", "then", "well", "oh", "um", "uh", "so", "the", "a", "want", "to",
    "bitte", "danke", "das", "mach", "gerne", "s", "il", "vous", "plaît", "merci", "por", "favor",
    "gracias", "d", "accord",
}
"""What a yes may have besides, as it may have the question's own words."""
# fmt: on


@dataclass(frozen=True, slots=True)
class Question:
    """A call that waits for the user's yes, and what they were asked."""

    call: ToolCall
    text: str
    turn: int

    def answered_yes(self, messages: Sequence[Message]) -> bool:
        """Whether the conversation ends with the user hearing this question and saying yes to it.

        Anything that is more than a plain yes is left to the model: "yes, but not that one" is no
        yes. A question of which less than half was heard has not been asked.
        """
        if len(messages) < 2 or messages[-1].role != "user" or messages[-2].role != "assistant":
            return False
        asked = words(self.text)
        heard = " ".join(words(messages[-2].content))
        if " ".join(asked[: (len(asked) + 1) // 2]) not in heard:
            return False
        said = words(messages[-1].content)
        yes = bool(YES.intersection(said)) or PHRASES.search(" ".join(said)) is not None
        return yes and all(word in YES or word in FILLERS or word in asked for word in said)


def words(text: str) -> list[str]:
    """The words of `text`, in lower case and without punctuation."""
    return re.findall(r"\w+", text.lower())
