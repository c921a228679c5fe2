"""Source of a parser: the text still to be read, of which more may come."""

import re
from functools import lru_cache

from tts.clean.emoji import TEXTUAL

PATIENCE = 100
"""Characters that a mark waits for its partner; then it is text. A sentence's end comes sooner."""
LONGEST = 4000
"""Characters of what is not read aloud, such as an address: more are no such thing."""
RUN = 8
"""Marks in a row that can mean anything; more are drawn."""


class MoreNeededError(Exception):
    """What to do next depends on characters that have not come yet."""


class Source:
    """Cursor on text that grows. Rules look ahead only through it, and only so far.

    Looking past the text there is raises MoreNeededError, so a rule can decide nothing that more
    text would have decided otherwise: this is what makes the fragments not matter. Once `final`,
    the text is followed by "". Every search has a limit, so that the work is linear in the text
    however often a rule has to begin again.
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

    def take_line(self) -> str:
        """Read what has come of the line, with its newline."""
        end = self._text.find("\n", self._at)
        return self.take((end + 1 if end >= 0 else len(self._text)) - self._at)

    def take_letters(self) -> str:
        """Read a letter and what has come of its word."""
        end = self._at + 1
        while end < len(self._text) and is_word(self._text[end - 1]) and self._is_letter(end):
            end += 1
        return self.take(end - self._at)

    def _is_letter(self, index: int) -> bool:
        char = self._text[index]
        return char.isalpha() and char not in TEXTUAL  # ℹ is both

    def count(self, chars: str, offset: int = 0, *, limit: int, others: bool = False) -> int:
        """Count the characters in a row from `offset` on that are among `chars`, or that are not.

        Counts no further than `limit`.
        """
        start = self._at + offset
        found = self.search(_one_of(chars, negated=not others), offset, offset + limit)
        return (found.start() if found else min(start + limit, len(self._text))) - start

    def find(self, chars: str, offset: int = 0, *, limit: int) -> int | None:
        """Find the offset of the first of `chars` on this line, from `offset` up to `limit`."""
        found = self.search(_one_of(chars + "\n"), offset, limit)
        return None if found is None or found[0] == "\n" else found.start() - self._at

    def search(self, pattern: re.Pattern[str], offset: int, limit: int) -> re.Match[str] | None:
        """Search for a pattern between two offsets; None if it is not there.

        A match at the end of the text there is must not depend on what follows.
        """
        found = pattern.search(self._text, self._at + offset, self._at + limit)
        if found is None and not self.final and self._at + limit > len(self._text):
            raise MoreNeededError
        return found

    def offset(self, index: int) -> int:
        """The offset of an index in the string that `search` has searched."""
        return index - self._at


@lru_cache
def _one_of(chars: str, *, negated: bool = False) -> re.Pattern[str]:
    return re.compile(f"[{'^' * negated}{re.escape(chars)}]")


def is_word(char: str) -> bool:
    """Whether what stands beside `char` is in the same word; not so in scripts without spaces."""
    return char == "_" or (char.isalnum() and char < "\u2e80")
