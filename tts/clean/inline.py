"""Parser of what stands inside a line: marks that open and close, and what is between them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from tts.clauses import ends_sentence
from tts.clean.constructs import (
    link_end,
    read_address,
    read_code,
    read_emoji,
    read_entity,
    read_escape,
    read_keycap,
)
from tts.clean.emoji import ALWAYS, JOINER, KEYCAP_BASES, TEXTUAL
from tts.clean.sounds import as_sound, read_sound
from tts.clean.source import PATIENCE, RUN, Source, is_word
from tts.clean.tags import read_tag
from tts.clean.writer import CELL, GAP, PAUSES, Writer

_TAIL = 10
_BLANKS = " \t\0"
_LONGEST_NOTE = 40
_CONSTRUCTS: dict[str, Callable[[Source], str | None]] = {
    "`": read_code,
    "&": read_entity,
    "\\": read_escape,
    **dict.fromkeys(KEYCAP_BASES, read_keycap),
    **dict.fromkeys(ALWAYS | TEXTUAL | {JOINER}, read_emoji),
}


@dataclass
class _Mark:
    """An opened mark. Until it is closed, `pieces[index]` is the mark itself, as text.

    `aside`: it opens between sentences, where a stage direction may stand.
    """

    char: str
    index: int
    aside: bool = False


class Inline:
    """Inline parser. While a mark is open, what follows it is held back, but not for long."""

    def __init__(self, source: Source, writer: Writer, *, sounds: Collection[str]) -> None:
        """`sounds`: those that the engine makes; one that makes some takes a script."""
        self._source = source
        self._writer = writer
        self._sounds = sounds
        self._constructs: dict[str, Callable[[Source], str | None]] = {
            **_CONSTRUCTS,
            "(": partial(read_sound, sounds=sounds),
            "<": partial(read_tag, sounds=sounds),
        }
        self._marks: list[_Mark] = []
        self._pieces: list[str] = []
        self._tail = ""  # the last characters, by which a sentence's end is known

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
            self._emphasis(source.count(char, limit=RUN))
        elif char == "[" or (char == "!" and source.peek(1) == "["):
            self._bracket()
        elif char == "]" and (place := self._innermost("[")) is not None:
            self._closing_bracket(place)
        elif char == "|" and row:
            source.take(1)
            self._put(CELL)
        else:
            if self._marks and char.isspace() and ends_sentence(self._tail):
                self._marks.clear()
            self._put(source.take(source.count("`", limit=RUN) if char == "`" else 1))

    def end(self) -> None:
        """End the line: marks that are still open are text."""
        self._marks.clear()
        self._flush()
        self._tail = ""

    def _put(self, text: str) -> None:
        if text:
            self._pieces.append(text)
        self._tail = (self._tail + text)[-_TAIL:]
        self._flush()

    def _flush(self) -> None:
        """Write what no open mark holds; a mark that has waited long enough is text."""
        while self._marks and sum(map(len, self._pieces)) > PATIENCE:
            del self._marks[0]
            free = self._marks[0].index if self._marks else len(self._pieces)
            self._writer.write("".join(self._pieces[:free]))
            del self._pieces[:free]
            for mark in self._marks:
                mark.index -= free
        if not self._marks:
            self._writer.write("".join(self._pieces))
            self._pieces.clear()

    def _open(self, char: str, text: str) -> None:
        before = self._tail.rstrip(_BLANKS)
        self._marks.append(_Mark(char, len(self._pieces), not before or before[-1] in PAUSES))
        self._put(text)

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
            mark = self._marks[place]
            opening = self._pieces[mark.index]
            both = min(len(opening), len(text))
            left, text = opening[both:], text[both:]
            self._pieces[mark.index] = left
            del self._marks[place + bool(left) :]
            if mark.aside and not left:
                self._hear(mark.index)
        return text

    def _hear(self, index: int) -> None:
        """Make a sound of what was emphasised from `index` on, if it is a stage direction."""
        sound = as_sound("".join(self._pieces[index:]), self._sounds)
        if sound is not None:
            self._pieces[index:] = [sound]

    def _bracket(self) -> None:
        source = self._source
        if source.peek() == "!":
            self._open("[", source.take(2))
        elif source.peek(1) == "S" and source.peek(2).isdecimal() and source.peek(3) == "]":
            tag = source.take(4)  # a speaker, for the engines that know several
            self._put(tag if self._sounds else GAP)
        elif source.peek(1) == "^" and (end := source.find("]", 2, limit=_LONGEST_NOTE)):
            source.take(end + 1)
            self._put(GAP)
        elif (spoken := read_sound(source, self._sounds)) is not None:
            self._put(spoken)
        else:
            self._open("[", source.take(1))

    def _closing_bracket(self, place: int) -> None:
        end = link_end(self._source, 1)
        if end is None:
            del self._marks[place]
            self._put(self._source.take(1))
        else:
            self._source.take(end)
            self._pieces[self._marks[place].index] = ""
            del self._marks[place:]
            self._flush()


def _is_space(char: str) -> bool:
    return char == "" or char.isspace()
