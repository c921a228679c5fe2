"""Segmentation of text into clauses as it arrives, for engines that speak a clause at a time.

A clause ends
- after `.` `!` `?` `;` `:` `,` `…`, and the quotes and brackets that close there, once whitespace
  follows: "3.14", "10:30", "$1,000" and "a.m" are in one piece;
- but not at the full stop of an initial or a title: "J. Smith", "the U.S. is", "e.g. this",
  "Dr. No";
- at a newline;
- after the punctuation of Chinese and Japanese, which no space follows;
- before it grows longer than `longest` characters: at its last space, if it has one.
"""

import re

_MARKS, _CLOSING = ".!?;:,…", "\"'”’»)]"
_WIDE_MARKS, _WIDE_CLOSING = "。！？；：，、", "”’」』）"
_END = re.compile(
    rf"[{_MARKS}]+[{re.escape(_CLOSING)}]*(?=\s)"
    rf"|\n"
    rf"|[{_WIDE_MARKS}]+[{_WIDE_CLOSING}]*(?=[^{_WIDE_MARKS}{_WIDE_CLOSING}])"
)
_ABBREVIATION = re.compile(r"(?:^|\W)(?:\w|Mr|Mrs|Ms|Dr|Prof|St)\.$")


class ClauseSplitter:
    """Splitter of one text. The clauses joined are the text, but for whitespace around each.

    The clauses depend on the text alone, not on the fragments it comes in.
    """

    def __init__(self, longest: int = 300) -> None:
        self._longest = longest
        self._text = ""
        self._searched = 0  # no clause ends before this index

    def feed(self, text: str) -> list[str]:
        """Take more of the text, in any fragment; the clauses that this completes."""
        self._text += text
        clauses = []
        while (end := self._end()) is not None:
            clauses.append(self._text[:end].strip())
            self._text, self._searched = self._text[end:], 0
        return [clause for clause in clauses if clause]

    def finish(self) -> list[str]:
        """End the text: what is left of it."""
        clause, self._text, self._searched = self._text.strip(), "", 0
        return [clause] if clause else []

    def _end(self) -> int | None:
        """Where the first clause of the text ends; None while it may go on."""
        for mark in _END.finditer(self._text, self._searched, self._longest):
            if not _ABBREVIATION.search(self._text, max(0, mark.start() - 6), mark.end()):
                return mark.end()
        if len(self._text) > self._longest:
            last_space = max(self._text.rfind(space, 1, self._longest) for space in " \t")
            return last_space if last_space > 0 else self._longest
        # Marks at the end are looked at again once it is known what follows them.
        waiting = self._text.rstrip(_MARKS + _CLOSING + _WIDE_MARKS + _WIDE_CLOSING)
        self._searched = len(waiting)
        return None
