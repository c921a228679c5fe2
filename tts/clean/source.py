"""Source of a parser: the text still to be read, of which more may come."""

from tts.clean.emoji import TEXTUAL


class MoreNeededError(Exception):
    """What to do next depends on characters that have not come yet."""


class Source:
    """Cursor on text that grows. Rules look ahead only through it.

    Looking past the text there is raises MoreNeededError, so a rule can decide nothing that more
    text would have decided otherwise: this is what makes the fragments not matter. Once `final`,
    the text is followed by "".
    """

    def __init__(self) -> None:
        self.final = False
        self._text = "\n"
        self._at = 1

    def add(self, text: str) -> None:
        """Add more text at the end."""
        self._text = self._text[self._at - 1 :] + text
        self._at = 1

    @property
    def empty(self) -> bool:
        """Whether all that came has been read."""
        return self._at >= len(self._text)

    @property
    def before(self) -> str:
        """The character read last; a newline at the very start."""
        return self._text[self._at - 1]

    def peek(self, offset: int = 0) -> str:
        """Look at the character `offset` after the cursor."""
        index = self._at + offset
        if index < len(self._text):
            return self._text[index]
        if self.final:
            return ""
        raise MoreNeededError

    def take(self, count: int) -> str:
        """Read `count` characters, or what there is."""
        text = self._text[self._at : self._at + count]
        self._at += len(text)
        return text

    def look(self, start: int, end: int) -> str:
        """Look at the characters from one offset to another that has been peeked at."""
        return self._text[self._at + start : self._at + end]

    def take_letters(self) -> str:
        """Read a letter and what has come of its word."""
        end = self._at + 1
        while end < len(self._text) and is_word(self._text[end - 1]) and self._is_letter(end):
            end += 1
        return self.take(end - self._at)

    def _is_letter(self, index: int) -> bool:
        char = self._text[index]
        return char.isalpha() and char not in TEXTUAL  # ℹ is both

    def count(self, chars: str, offset: int = 0) -> int:
        """Count the characters in a row from `offset` on that are among `chars`."""
        end = offset
        while (char := self.peek(end)) and char in chars:
            end += 1
        return end - offset

    def find(self, chars: str, offset: int = 0) -> int | None:
        """Find the offset of the first of `chars` on this line, from `offset` on."""
        while (char := self.peek(offset)) not in ("", "\n"):
            if char in chars:
                return offset
            offset += 1
        return None

    def line_end(self) -> int:
        """Find the offset of this line's newline, or of the end."""
        offset = 0
        while self.peek(offset) not in ("", "\n"):
            offset += 1
        return offset


def is_word(char: str) -> bool:
    """Whether what stands beside `char` is in the same word; not so in scripts without spaces."""
    return char == "_" or (char.isalnum() and char < "\u2e80")
