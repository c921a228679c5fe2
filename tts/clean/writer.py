"""Writer of clean text: one space between words, one break between lines, nothing doubled."""

PAUSES = ".!?;:,…。！？；：，、"
_CLOSING = "\"'”’»)]"
GAP = "\0"  # where something vanished: a space, but not before punctuation
CELL = "\1"  # where a table's cell ended


class Writer:
    """Buffer of clean text; `take` gives what there is of it.

    A space comes out with the word after it, so that it may still be dropped; but after a comma or
    a full stop at once, since an engine may be waiting for it to speak.
    """

    def __init__(self) -> None:
        self._out: list[str] = []
        self._last = ""  # the last character of this line, "" when there is none yet
        self._end = ""  # the same, but for quotes and brackets that closed after it
        self._gap = ""  # what comes before the next word
        self._vanished = False

    def take(self) -> str:
        """Take what has come out since the last time."""
        text = "".join(self._out)
        self._out.clear()
        return text

    def write(self, text: str) -> None:
        """Write text of one line, with GAP and CELL in it."""
        for char in text:
            if char == CELL:
                self._gap = ", " if self._last else ""
            elif char in " \t\r\f\v" + GAP:
                self._space(char)
            else:
                self._visible(char)

    def end_line(self, *, sentence: bool) -> None:
        """End the line; `sentence` says whether it must end like one."""
        if self._last:
            stop = "." if sentence and self._end not in PAUSES else ""
            self._out.append(stop + "\n")
        self._last = self._end = self._gap = ""
        self._vanished = False

    def end(self, *, sentence: bool) -> None:
        """End the text."""
        if self._last and sentence and self._end not in PAUSES:
            self._out.append(".")

    def _space(self, char: str) -> None:
        if self._last in ("", " "):
            return
        self._vanished |= char == GAP
        if self._last in PAUSES and char != GAP and not self._gap:
            self._out.append(" ")
            self._last = " "
        else:
            self._gap = self._gap or " "

    def _visible(self, char: str) -> None:
        if self._gap and self._last != " " and not (self._vanished and char in PAUSES):
            self._out.append(" " if self._end in PAUSES else self._gap)
        self._gap, self._vanished = "", False
        self._out.append(char)
        self._last = char
        if char not in _CLOSING:
            self._end = char
