"""Parser of what stands inside a line: marks that open and close, and what is between them."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tts.clean.constructs import (
    read_address,
    read_code,
    read_emoji,
    read_entity,
    read_escape,
    read_keycap,
    read_tag,
)
from tts.clean.emoji import ALWAYS, JOINER, KEYCAP_BASES, TEXTUAL
from tts.clean.sounds import read_sound
from tts.clean.source import Source, is_word
from tts.clean.writer import CELL, GAP, Writer

_LINK = re.compile(r"""\s*(?:<[^<>]*>|\S*)(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*""")
_CONSTRUCTS: dict[str, Callable[[Source], str | None]] = {
    "`": read_code,
    "<": read_tag,
    "&": read_entity,
    "\\": read_escape,
    **dict.fromkeys(KEYCAP_BASES, read_keycap),
    **dict.fromkeys(ALWAYS | TEXTUAL | {JOINER}, read_emoji),
}


@dataclass
class _Mark:
    """An opened mark. Until it is closed, `pieces[index]` is the mark itself, as text."""

    char: str
    index: int


class Inline:
    """Inline parser. While a mark is open, what follows it is held back."""

    def __init__(self, source: Source, writer: Writer, *, sounds: bool) -> None:
        self._source = source
        self._writer = writer
        self._constructs = _CONSTRUCTS if sounds else {**_CONSTRUCTS, "(": read_sound}
        self._marks: list[_Mark] = []
        self._pieces: list[str] = []

    def step(self, *, row: bool) -> None:
        """Read what comes next on the line, in a table's `row` or not."""
        source, char = self._source, self._source.peek()
        read = self._constructs.get(char, read_address if char.isalpha() else None)
        spoken = read(source) if read else None
        if spoken is not None:
            self._put(spoken)
        elif char.isalpha():
            self._put(source.take_letters())
        elif char in "*_~":
            self._emphasis(source.count(char))
        elif char == "[" or (char == "!" and source.peek(1) == "["):
            self._bracket()
        elif char == "]" and (place := self._innermost("[")) is not None:
            self._closing_bracket(place)
        elif char == "|" and row:
            source.take(1)
            self._put(CELL)
        else:
            self._put(source.take(source.count("`") if char == "`" else 1))

    def end(self) -> None:
        """End the line: marks that are still open are text."""
        self._marks.clear()
        self._flush()

    def _put(self, text: str) -> None:
        self._pieces.append(text)
        self._flush()

    def _flush(self) -> None:
        if not self._marks:
            self._writer.write("".join(self._pieces))
            self._pieces.clear()

    def _open(self, char: str, text: str) -> None:
        self._marks.append(_Mark(char, len(self._pieces)))
        self._pieces.append(text)

    def _innermost(self, char: str) -> int | None:
        """Which of the open marks is the innermost `char`."""
        places = (i for i in reversed(range(len(self._marks))) if self._marks[i].char == char)
        return next(places, None)

    def _emphasis(self, count: int) -> None:
        before, after = self._source.before, self._source.peek(count)
        text = self._source.take(count)
        if text[0] == "~" and count != 2:
            self._put(text)
            return
        # A single mark inside a word is part of it; a double one may close there.
        if not _is_space(before) and (count > 1 or not is_word(after)):
            text = self._close(text)
        if text and not _is_space(after) and not is_word(before):
            self._open(text[0], text)
        else:
            self._put(text)

    def _close(self, text: str) -> str:
        """Close the open marks that `text` closes; what is left of it.

        Marks that were opened inside those are text.
        """
        while text and (place := self._innermost(text[0])) is not None:
            index = self._marks[place].index
            opening = self._pieces[index]
            both = min(len(opening), len(text))
            self._pieces[index], text = opening[both:], text[both:]
            del self._marks[place + bool(self._pieces[index]) :]
        return text

    def _bracket(self) -> None:
        source = self._source
        if source.peek() == "!":
            self._open("[", source.take(2))
        elif source.peek(1) == "S" and source.peek(2).isdecimal() and source.peek(3) == "]":
            self._put(source.take(4))  # a speaker, for the engines that know several
        elif source.peek(1) == "^" and (end := source.find("]", 2)) is not None:
            source.take(end + 1)
            self._put(GAP)
        else:
            self._open("[", source.take(1))

    def _closing_bracket(self, place: int) -> None:
        end = self._link_end()
        if end is None:
            del self._marks[place]
            self._put(self._source.take(1))
        else:
            self._source.take(end)
            self._pieces[self._marks[place].index] = ""
            del self._marks[place:]
            self._flush()

    def _link_end(self) -> int | None:
        """Where "](url)" ends, if it stands here."""
        source, depth, offset = self._source, 0, 1
        if source.peek(offset) != "(":
            return None
        while (char := source.peek(offset)) not in ("", "\n"):
            depth += (char == "(") - (char == ")")
            offset += 1
            if depth == 0:
                return offset if _LINK.fullmatch(source.look(2, offset - 1)) else None
        return None


def _is_space(char: str) -> bool:
    return char == "" or char.isspace()
