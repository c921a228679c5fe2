"""Segmentation of text into clauses as it arrives, for engines that speak a clause at a time.

A clause ends
- after `.` `!` `?` `;` `:` `,` `…`, and the quotes and brackets that close there, once whitespace
  follows: "3.14", "10:30", "$1,000" and "a.m" are in one piece;
- but not at the full stop of an initial or a title: "J. Smith", "the U.S. is", "e.g. this",
  "Dr. No", "vs. them", "Jan. 5";
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
_ABBREVIATION = re.compile(
    r"(?:^|\W)(?:\w|Mr|Mrs|Ms|Dr|Prof|St|Mt|Ft|Figs?|Eq|Vol|vs|approx|Capt|Lt|Sgt|Rev|Sen|Gov|Jan|Feb"
    r"|Apr|Jul|Aug|Sept?|Oct|Nov|Dec|Nr|bzw|Bd|Sr|Sra|Dra|Mme|Mlle|núm|pág|dott|Dhr|Mevr|ул|см|стр"
    r"|рис|тел)\.$"
)
_LONGEST_ABBREVIATION = 8
_SENTENCE_END = re.compile(rf"[^\W\d_][.!?…][{re.escape(_CLOSING)}]*$")


def ends_sentence(text: str) -> bool:
    """Whether `text`, after which a space stands, ends a sentence."""
    return bool(_SENTENCE_END.search(text)) and not _ABBREVIATION.search(text)


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
        clauses, start = [], 0
        while (end := self._end(start)) is not None:
            clauses.append(self._text[start:end].strip())
            start = self._searched = end
        self._text, self._searched = self._text[start:], self._searched - start
        return [clause for clause in clauses if clause]

    def finish(self) -> list[str]:
        """End the text: what is left of it."""
        clause, self._text, self._searched = self._text.strip(), "", 0
        return [clause] if clause else []

    def _end(self, begun: int) -> int | None:
        """Where the clause ends that begins at `begun`; None while it may go on."""
        longest = begun + self._longest
        for mark in _END.finditer(self._text, self._searched, longest):
            start = max(0, mark.start() - _LONGEST_ABBREVIATION)
            if not _ABBREVIATION.search(self._text, start, mark.end()):
                return mark.end()
        if len(self._text) > longest:
            last_space = max(self._text.rfind(space, begun + 1, longest) for space in " \t")
            return last_space if last_space > 0 else longest
        # Marks at the end are looked at again once it is known what follows them.
        waiting = self._text.rstrip(_MARKS + _CLOSING + _WIDE_MARKS + _WIDE_CLOSING)
        self._searched = max(begun, len(waiting))
        return None
