"""Parser of lines: a heading, an item, a quote, a row, code, or text."""

from tts.clean.inline import Inline
from tts.clean.source import MoreNeededError, Source
from tts.clean.writer import Writer

CODE = "Code omitted."
_BULLETS = "-*+•‣◦▪"
_RULER = "-=*_|:+ \t\r"


class SpeechText:
    """Streaming normaliser of one text. The package's table says what becomes of what."""

    def __init__(self, *, sounds: bool = True) -> None:
        """`sounds`: whether the engine can make those that are no words, such as `(laughs)`."""
        self._source = Source()
        self._writer = Writer()
        self._inline = Inline(self._source, self._writer, sounds=sounds)
        self._start_line()
        self._fence = ""  # what opened the block of code that we are in

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
        elif self._is_ruler():
            source.take(source.line_end())
            return False
        elif char in ("`", "~") and self._is_fence(char):
            return True
        elif char == "#" and _is_blank(source.peek(count := source.count("#"))) and count <= 6:
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

    def _is_ruler(self) -> bool:
        """Whether the line is but drawn: a rule, or what separates a table's head from its rows."""
        source = self._source
        if source.peek() not in _RULER:
            return False
        end = source.count(_RULER)
        line = source.look(0, end)
        drawn = sum(map(line.count, "-=*_"))
        return source.peek(end) in ("", "\n") and (drawn >= 3 or line[0] == "|")

    def _is_fence(self, char: str) -> bool:
        source = self._source
        count = source.count(char)
        if count < 3 or (char == "`" and source.find("`", count) is not None):
            return False
        end = source.line_end()
        self._fence = source.look(0, count)
        source.take(end + 1)
        self._writer.write(CODE)
        self._writer.end_line(sentence=True)
        return True

    def _code_line(self) -> None:
        line = self._source.look(0, self._source.line_end())
        self._source.take(len(line) + 1)
        mark = line.strip(" \t\r>")
        if mark.startswith(self._fence) and not mark.strip(self._fence[0]):
            self._fence = ""
            self._start_line()

    def _number(self) -> int:
        """The number of digits of an item's number; 0 if it is none."""
        source = self._source
        count = source.count("0123456789")
        item = 0 < count <= 3 and source.peek(count) in (".", ")")
        return count if item and source.peek(count + 1) in (" ", "\t") else 0

    def _bullet_length(self) -> int:
        """How long a bullet is, with the box of a task."""
        source = self._source
        box = 1 + source.count(" \t", 1)
        if source.peek(box) != "[" or source.peek(box + 1) not in tuple(" xX"):
            return box
        return box + 3 if source.peek(box + 2) == "]" else box

    def _take_footnote(self) -> None:
        """Drop the mark before a footnote's text."""
        source = self._source
        if source.peek() == "[" and source.peek(1) == "^":
            end = source.find("]", 2)
            if end is not None and source.peek(end + 1) == ":":
                source.take(end + 2)


def _is_blank(char: str) -> bool:
    return char in ("", " ", "\t", "\r", "\n")
