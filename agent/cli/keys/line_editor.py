"""The line editor: a message that is being typed in the live view."""

import unicodedata

from agent.cli.keys.decoder import Key
from agent.steering.requests import TEXT


class LineEditor:
    """A line editor holds text and a cursor, and does what a key says, as readline does."""

    def __init__(self, text: str = "") -> None:
        self.text = text[:TEXT]
        self.cursor = len(self.text)

    def __call__(self, key: Key) -> None:
        """Do what `key` says; one that means nothing here does nothing."""
        match ("^" if key.ctrl else "") + key.name:
            case "left" | "^b":
                self.cursor = max(0, self.cursor - 1)
            case "right" | "^f":
                self.cursor = min(len(self.text), self.cursor + 1)
            case "home" | "^a":
                self.cursor = 0
            case "end" | "^e":
                self.cursor = len(self.text)
            case "backspace" | "^h" if self.cursor:
                self._cut(self.cursor - 1, self.cursor)
            case "delete" | "^d":
                self._cut(self.cursor, self.cursor + 1)
            case "^u":
                self._cut(0, self.cursor)
            case "^k":
                self._cut(self.cursor, len(self.text))
            case "^w" | "^backspace":
                self._cut(self._word(), self.cursor)
            case _ if key.text and not key.ctrl:
                self._insert(key.text)

    def _insert(self, text: str) -> None:
        """Type it, or paste it: line ends become spaces, other controls nothing."""
        plain = " ".join(text.splitlines()) if text != " " else text
        plain = "".join(c for c in plain if unicodedata.category(c) != "Cc")
        plain = plain[: TEXT - len(self.text)]
        self.text = self.text[: self.cursor] + plain + self.text[self.cursor :]
        self.cursor += len(plain)

    def _cut(self, start: int, end: int) -> None:
        self.text = self.text[:start] + self.text[end:]
        self.cursor = start

    def _word(self) -> int:
        """Where the word before the cursor begins."""
        before = self.text[: self.cursor].rstrip()
        return before.rfind(" ") + 1
