"""Streaming normaliser: text comes in fragments, words go out, and what became of what is kept."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tts.normalise.numbers import LETTER
from tts.normalise.rules import Rules
from tts.protocol import SpokenWord

LONGEST_REGION = 160
"""Characters after which figures that belong together are read apart: nothing waits for ever."""

LONGEST_CODE = 50_000
"""Characters of a code that are counted together; longer ones are two."""

_BOUNDARY = re.compile("[\\s\u2e80-\U0010ffff]")
_PLAIN = re.compile(rf"(?:{LETTER}+(?:['’-]{LETTER}+)*)?")
_OPENING, _CLOSING = "\"'“‘«(¿¡[", "\"'”’»)]"
_AROUND = _OPENING + _CLOSING + ".,;:!?…"
_ENDS = re.compile(r"[.!?;:,…。！？；，、]+$")
_FOLDED = str.maketrans({"’": "'", ":": " "})  # as Dia2 changes what it says, length for length
_NEAR = 100
"""Characters among which a spoken word is looked for: markup stands between words."""


@dataclass(slots=True)
class Record:
    """What has been written and what is spoken of it, side by side."""

    written: str = ""
    spoken: str = ""
    _ends: list[tuple[int, int]] = field(default_factory=list)
    """Where each piece that was changed ends, in both."""
    _starts: list[tuple[int, int]] = field(default_factory=list)

    def add(self, written: str, spoken: str) -> None:
        """Add a piece."""
        if written != spoken:
            self._starts.append((len(self.written), len(self.spoken)))
        self.written += written
        self.spoken += spoken
        if written != spoken:
            self._ends.append((len(self.written), len(self.spoken)))

    def split(self, heard: Sequence[SpokenWord]) -> tuple[str, str]:
        """Split what was written into what was heard and what was not, given the words heard.

        What became several words was heard when all of them were.
        """
        at = self._at(end_of(heard, self.spoken))
        return " ".join(self.written[:at].split()), " ".join(self.written[at:].split())

    def _at(self, position: int) -> int:
        """Where in `written` a position in `spoken` is."""
        written = spoken = 0
        for (start, said), (end, said_end) in zip(self._starts, self._ends, strict=True):
            if position <= said:
                break
            if position < said + len(self.spoken[said:said_end].rstrip(" .,;:!?")):
                return start
            if position < said_end:
                return end
            written, spoken = end, said_end
        return written + position - spoken


def end_of(heard: Sequence[SpokenWord], spoken: str) -> int:
    """Find where the words heard, the first of a text that is `spoken`, end in it."""
    spoken, at = spoken.translate(_FOLDED), 0
    for word in " ".join(word.text for word in heard).translate(_FOLDED).split():
        found = spoken.find(word, at, at + len(word) + _NEAR)
        if found >= 0:
            at = found + len(word)
        elif rest := spoken[at:].lstrip():  # an engine's own spelling: the next word
            at = len(spoken) - len(rest) + len(rest.split(maxsplit=1)[0])
    return at


class Normaliser:
    """Streaming normaliser of one text; see the package."""

    def __init__(self, rules: Rules | None) -> None:
        """`rules`: those of the voice's language; None leaves all as it is."""
        self.record = Record()
        self._rules = rules
        self._text = ""
        self._region = ""  # what waits for what may follow it
        self._before = ""  # the last word
        self._searched = 0  # so far no token ends

    def feed(self, text: str) -> str:
        """Take more of the text, in any fragment; what can be spoken now."""
        if self._rules is None:
            self.record.add(text, text)
            return text
        self._text += text
        return self._read(final=False)

    def finish(self) -> str:
        """End the text: the rest of what is spoken."""
        if self._rules is None:
            return ""
        return self._read(final=True) + self._expand("")

    def _read(self, *, final: bool) -> str:
        said, at = [], 0
        while at < len(self._text):
            end = self._token_end(at, final=final)
            if end is None:
                break
            said.append(self._take(self._text[at:end]))
            at = end
        self._text = self._text[at:]
        self._searched = max(0, self._searched - at)
        return "".join(said)

    def _token_end(self, at: int, *, final: bool) -> int | None:
        """Where the token ends that begins at `at`; None while it may go on."""
        if self._text[at].isspace() or self._text[at] >= "\u2e80":
            return at + 1
        if self._text.startswith("<break", at):
            end = self._text.find(">", at, at + _NEAR)
            if end >= 0:
                return end + 1
            if len(self._text) < at + _NEAR and not final:
                return None
        found = _BOUNDARY.search(self._text, max(at, self._searched))
        self._searched = len(self._text) if found is None else found.start()
        cut = self._cut(at)
        if cut < self._searched:
            return cut
        return self._searched if found is not None or final else None

    def _cut(self, at: int) -> int:
        """Where a token has to end at the latest: its work grows faster than its length."""
        assert self._rules is not None
        end = at + LONGEST_REGION
        if self._searched > end and self._rules.is_code(self._text[at:end]):
            end = self._rules.code_end(self._text, at, at + LONGEST_CODE)
        return end

    def _take(self, token: str) -> str:
        """Take a token: what can be spoken by it and before it."""
        if token.isspace():
            if self._region and "\n" not in token:
                self._region += token
                return ""
            return self._expand(token) + self._plain(token)
        goes_on = bool(self._region) and self._continues(token)
        said = "" if goes_on else self._expand(token)
        if goes_on or self._begins(token):
            self._region += token
            if self._ends(token) or len(self._region) > LONGEST_REGION:
                said += self._expand("")
            return said
        return said + self._plain(token)

    def _plain(self, token: str) -> str:
        self._before = token if not token.isspace() else self._before
        self.record.add(token, token)
        return token

    def _expand(self, following: str) -> str:
        """Read the region that is complete."""
        region, self._region = self._region, ""
        if not region or self._rules is None:
            return ""
        body = region.rstrip()
        said = ""
        for written, spoken in self._rules.expand(body, self._before, following[:1]):
            touches = self.record.spoken[-1:].isalnum() and spoken[:1].isalnum()  # after a cut
            apart = self._rules.language.space if touches and spoken != written else ""
            self.record.add(written, apart + spoken)
            said += apart + spoken
        space = region[len(body) :]
        self.record.add(space, space)
        self._before = body.split()[-1]
        return said + space

    def _begins(self, token: str) -> bool:
        """Whether a token may be read otherwise than it is written."""
        assert self._rules is not None
        word = token.strip(_AROUND)
        return not _PLAIN.fullmatch(word) or self._rules.knows(word, token)

    def _continues(self, token: str) -> bool:
        """Whether a token may belong to the figures before it."""
        assert self._rules is not None
        word = token.strip(_AROUND)
        return (
            not word or not _PLAIN.fullmatch(word) or self._rules.follows(word, token, self._region)
        )

    def _ends(self, token: str) -> bool:
        """Whether nothing after a token can belong to it."""
        assert self._rules is not None
        end = _ENDS.search(token.rstrip(_CLOSING))
        if end is None or (end[0] == "." and self._rules.dotted(token)):
            return False
        return not (end[0] == "," and self._rules.dated(self._region))
