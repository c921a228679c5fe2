"""Parser of lines: a heading, an item, a quote, a row, code, or text."""

import re
from collections.abc import Collection

from tts.clean.inline import Inline
from tts.clean.sounds import SOUNDS
from tts.clean.source import PATIENCE, RUN, MoreNeededError, Source
from tts.clean.writer import Writer

CODE = "Code omitted."
_BULLETS = "-*+•‣◦▪"
_RULER = "-=*_|:+ \t\r"
_LONGEST_RULER = 500
_LONGEST_FENCE = 16
_INFO = re.compile(r"[\w+#.-]+\r?")
_BLANKS = " \t"


class SpeechText:
    """Streaming normaliser of one text. The package's table says what becomes of what."""

    def __init__(self, *, sounds: Collection[str] | bool = True) -> None:
        """`sounds`: those that the engine can make, such as `laughs`: all, some or none."""
        made = sounds if isinstance(sounds, Collection) else SOUNDS if sounds else ()
        self._source = Source()
        self._writer = Writer()
        self._inline = Inline(self._source, self._writer, sounds=made)
        self._start_line()
        self._fence = ""  # what opened the block of code that we are in
        self._in_code_line = False  # whose beginning has been read

    def feed(self, fragment: str) -> str:
        """Take more of the text; what can be spoken now."""
        self._source.add(fragment.replace("\0", " ").replace("\1", " "))
        try:
            while not self._source.empty:
                self._step()
        except MoreNeededError:
            pass  # a rule reads nothing before it has seen all that it looks at
        return self._writer.take()

    def finish(self) -> str:
        """End the text: the rest of what is spoken."""
        self._source.final = True
        while not self._source.empty:
            self._step()
        self._inline.end()
        self._writer.end(sentence=self._sentence)
        return self._writer.take()

    def _start_line(self) -> None:
        self._at_start = True
        self._sentence = False  # the line is to end as one
        self._row = False  # the line is a table's

    def _step(self) -> None:
        if self._fence:
            self._code_line()
        elif self._at_start:
            self._at_start = self._line_start()
        elif self._source.peek() == "\n":
            self._end_line()
        else:
            self._inline.step(row=self._row)

    def _end_line(self) -> None:
        self._source.take(1)
        self._inline.end()
        self._writer.end_line(sentence=self._sentence)
        self._start_line()

    def _line_start(self) -> bool:
        """Read what marks the line; whether another such mark may follow."""
        source = self._source
        char = source.peek()
        if char in " \t\r>":
            source.take(1)
        elif drawn := self._ruler():
            source.take(drawn)
            return drawn >= _LONGEST_RULER
        elif char in ("`", "~") and self._is_fence(char):
            return True
        elif char == "#" and _is_blank(source.peek(count := source.count("#", limit=7))):
            source.take(count)
            self._sentence = True
            return False
        elif char in _BULLETS and source.peek(1) in (" ", "\t"):
            source.take(self._bullet_length())
            self._sentence = True
        elif char.isdecimal() and (count := self._number()):
            self._writer.write(source.take(count) + ". ")
            source.take(1)
            self._sentence = True
        else:
            self._row = char == "|"
            self._sentence |= self._row
            self._take_footnote()
            return False
        return True

    def _ruler(self) -> int:
        """How much of the line is but drawn: a rule, or what is under a table's head; 0 if none."""
        source = self._source
        if source.peek() not in _RULER:
            return 0
        end = source.count(_RULER, limit=_LONGEST_RULER)
        line = source.look(0, end)
        drawn = sum(map(line.count, "-=*_")) >= 3 or line[0] == "|"
        whole = end == _LONGEST_RULER or source.peek(end) in ("", "\n")
        return end if drawn and whole else 0

    def _is_fence(self, char: str) -> bool:
        """Read the line that opens a block of code, if this is one."""
        source = self._source
        count = source.count(char, limit=_LONGEST_FENCE)
        if count < 3 or (char == "`" and source.find("`", count, limit=PATIENCE) is not None):
            return False
        info = source.count("\n", count, limit=PATIENCE, others=True)
        if source.peek(count + info) not in ("", "\n"):
            return False
        self._fence = source.look(0, count)
        source.take(count + info + 1)
        self._writer.write(CODE)
        self._writer.end_line(sentence=True)
        return True

    def _code_line(self) -> None:
        """Read a line of code, or the fence that closes the block; text may follow that."""
        source = self._source
        if not self._in_code_line:
            if closing := self._closing_fence():
                source.take(closing)
                self._fence = ""
                self._start_line()
                return
            self._in_code_line = True
        text = source.take_line()
        self._in_code_line = not text.endswith("\n")

    def _closing_fence(self) -> int:
        """How long the closing fence is, with the newline that follows it; 0 if it is none."""
        source = self._source
        indent = source.count(" \t\r>", limit=PATIENCE)
        count = source.count(self._fence[0], indent, limit=_LONGEST_FENCE)
        if count < len(self._fence):
            return 0
        end = indent + count
        after = end + source.count(_BLANKS + "\r", end, limit=PATIENCE)
        if source.peek(after) in ("", "\n"):
            return after + 1
        # A single word opens a block inside this one; several go on with the text.
        word = source.count("\n" + _BLANKS, end, limit=PATIENCE, others=True)
        alone = source.peek(end + word) in ("", "\n")
        opens = alone and _INFO.fullmatch(source.look(end, end + word))
        return 0 if opens else after

    def _number(self) -> int:
        """The number of digits of an item's number; 0 if it is none."""
        source = self._source
        count = source.count("0123456789", limit=4)
        item = 0 < count <= 3 and source.peek(count) in (".", ")")
        return count if item and source.peek(count + 1) in (" ", "\t") else 0

    def _bullet_length(self) -> int:
        """How long a bullet is, with the box of a task."""
        source = self._source
        box = 1 + source.count(_BLANKS, 1, limit=RUN)
        if source.peek(box) != "[" or source.peek(box + 1) not in tuple(" xX"):
            return box
        return box + 3 if source.peek(box + 2) == "]" else box

    def _take_footnote(self) -> None:
        """Drop the mark before a footnote's text."""
        source = self._source
        if source.peek() == "[" and source.peek(1) == "^":
            end = source.find("]", 2, limit=PATIENCE)
            if end is not None and source.peek(end + 1) == ":":
                source.take(end + 2)


def _is_blank(char: str) -> bool:
    return char in ("", " ", "\t", "\r", "\n")
