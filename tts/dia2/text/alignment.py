"""Alignment: from the words that the network takes back to the text as it was written."""

import re

from tts.dia2.text.script import NORMAL


class TextAligner:
    """Aligns what is spoken with the text that was written, word by word.

    The parser cuts "10:30" into two words and leaves out speaker tags and pauses. Whoever follows
    what has been heard counts the text's own words, so here every one of them comes out, whole and
    once: with the first of its parts that is spoken, and with what stood before it unspoken.
    """

    def __init__(self) -> None:
        self._text = ""  # from the end of what has been handed out
        self._parts: list[str] = []  # of the last word handed out: those not spoken yet

    def add(self, text: str) -> None:
        """Take more of the text, as the parser is given it."""
        self._text += text

    def align(self, word: str) -> str:
        """Give the text up to and with the next `word`; empty if that has been handed out."""
        if self._parts[:1] == [word]:
            del self._parts[0]
            return ""
        # Whole words only: "time" is not the one in <break time="1s"/>.
        pattern = rf"(?:^|(?<=[\s>])){re.escape(word)}(?=[\s<]|$)"
        found = re.search(pattern, self._text.translate(NORMAL))
        if found is None:
            return ""
        end = found.end()
        while end < len(self._text) and not self._text[end].isspace():
            end += 1
        self._parts = self._text[found.end() : end].translate(NORMAL).split()
        taken, self._text = self._text[:end], self._text[end:]
        return " ".join(taken.split())
