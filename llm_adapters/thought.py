"""Thoughts that a model writes into its reply, `<think>…</think>`, which nobody should hear."""

import re

NAMES = ("think", "thinking", "thought", "reasoning")
TAG = re.compile(rf"<(/?)(?:{'|'.join(NAMES)})>", re.IGNORECASE)
TAGS = [f"<{slash}{name}>" for name in NAMES for slash in ("", "/")]
LONGEST = max(map(len, TAGS))


THINKERS = re.compile(r"deepseek-r1|\bqwq\b|magistral|thinking|reasoning", re.IGNORECASE)
"""Names of models whose prompt may end in the opening tag."""


class ThoughtFilter:
    """Takes the text of one reply as it comes and gives what is to be spoken of it.

    Text is held back only while it may be the beginning of a tag. `opened`: the reply begins in a
    thought, as with models whose prompt ends in the opening tag; if no thought is ever closed,
    there was none, and `finish` gives all of it.
    """

    def __init__(self, *, opened: bool = False) -> None:
        self.opens_in_thought = opened
        """Set when a thought was closed that nothing opened: the next reply will begin in one."""
        self._assumed: list[str] | None = [] if opened else None
        self._inside = opened
        self._held = ""
        self._spoken = False

    def feed(self, text: str) -> str:
        """More of the reply; what is to be spoken now."""
        if not self._inside and not self._held and self._spoken and "<" not in text:
            return text  # nearly always
        text = self._held + text
        spoken = ""
        while (tag := TAG.search(text)) is not None:
            spoken += self._take(text[: tag.start()])
            text = text[tag.end() :]
            if tag[1]:
                self.opens_in_thought = self.opens_in_thought or not self._inside
                self._assumed = None
            self._inside = not tag[1]
        kept = len(text) - _held_back(text)
        self._held = text[kept:]
        return self._speakable(spoken + self._take(text[:kept]))

    def apart(self) -> None:
        """The model gives its thoughts apart from its text, which then begins in none."""
        if self._assumed is not None:
            self._assumed, self._inside, self.opens_in_thought = None, False, False

    def finish(self) -> str:
        """The reply is over; what is to be spoken besides."""
        rest = self._take(self._held)
        if self._assumed is not None:
            self.opens_in_thought = False
            rest = "".join(self._assumed) + rest
        self._held = ""
        return self._speakable(rest)

    def _take(self, text: str) -> str:
        if self._assumed is not None:
            self._assumed.append(text)
        return "" if self._inside else text

    def _speakable(self, text: str) -> str:
        """Without the blank lines that follow a thought."""
        text = text if self._spoken else text.lstrip()
        self._spoken = self._spoken or bool(text)
        return text


def _held_back(text: str) -> int:
    """How many of the last characters may be the beginning of a tag."""
    start = text.rfind("<", max(0, len(text) - LONGEST))
    beginning = text[start:].lower() if start >= 0 else ""
    return len(beginning) if beginning and any(tag.startswith(beginning) for tag in TAGS) else 0
