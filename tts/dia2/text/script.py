"""The script parser: a script becomes entries, which the state machine takes from its queue.

A script is words between whitespace, the speaker tags `[S1]` and `[S2]`, and pauses written
`<break time="0.5s"/>`. The parser takes it in fragments of any size and gives each entry as soon
as nothing that may follow can change it; the entries are those of the whole text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from tts.dia2.text.tokenizer import Tokenizer
from tts.protocol import TextToSpeechError

TAGS = ("[S1]", "[S2]")

NORMAL = str.maketrans({"\N{RIGHT SINGLE QUOTATION MARK}": "'", ":": " "})
"""What the parser replaces before it looks at a script."""

# A break tag, piece by piece. Between the number's digits and the `s` any one character may stand,
# and digits again. The possessive `++` and `*+` keep matching linear whatever the text.
_PIECES = (
    *"<break",
    r"\s++",
    *'time="',
    r"(?P<number>[0-9]++(?:.[0-9]*+)?)",
    *'s"',
    r"\s*+",
    "/?",
    ">",
)
_BREAK = re.compile("".join(_PIECES))
_BREAK_BEGUN = re.compile(reduce(lambda rest, piece: f"(?:{piece}{rest})?", reversed(_PIECES), ""))
_BOUNDARY = re.compile(r"[\s<]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A word, or a pause if it has no tokens."""

    tokens: tuple[int, ...]
    text: str
    padding: int
    """Steps without a new word that must follow: a pause's length, a word's number of tokens."""


class ScriptParser:
    """Parses a script in fragments."""

    def __init__(self, tokenizer: Tokenizer, frame_rate: float = 12.5) -> None:
        """`frame_rate` is the codec's, in Hz: it turns seconds of pause into steps."""
        self._tokenizer = tokenizer
        self._frame_rate = frame_rate
        self._word = ""  # the beginning of a word: no whitespace, nothing that may be a tag
        self._rest = ""  # what follows it and is not understood yet
        self._ready: list[Entry] = []
        self._speaker: int | None = None  # named by a tag, for the next word
        self._first = True

    def feed(self, fragment: str) -> list[Entry]:
        """Give the entries that `fragment` makes certain.

        Raises TextToSpeechError on a pause whose number cannot be read. The tag is dropped then;
        the entries around it come with the next call, so that one may go on with `feed("")`.
        """
        self._rest += fragment.translate(NORMAL)
        self._scan(complete=False)
        return self._take()

    def finish(self) -> list[Entry]:
        """Give the entries that the end of the text makes certain. Raises as `feed` does."""
        self._scan(complete=True)
        self._end_word()
        return self._take()

    def _take(self) -> list[Entry]:
        entries, self._ready = self._ready, []
        return entries

    def _scan(self, *, complete: bool) -> None:
        text, at = self._rest, 0
        try:
            while found := _BOUNDARY.search(text, at):
                self._word += text[at : found.start()]
                at = found.start()
                if text[at] != "<":
                    at += 1
                    self._end_word()
                elif tag := _BREAK.match(text, at):
                    at = tag.end()
                    self._end_word()
                    self._pause(tag)
                elif not complete and _BREAK_BEGUN.fullmatch(text, at):
                    return
                else:
                    at += 1
                    self._word += "<"
            self._word += text[at:]
            at = len(text)
        finally:
            self._rest = text[at:]

    def _pause(self, tag: re.Match[str]) -> None:
        try:
            steps = round(float(tag["number"]) * self._frame_rate)
        except (ValueError, OverflowError):
            raise TextToSpeechError(
                f"cannot read the seconds of a pause, {tag['number'][:20]!r}: "
                'write it as <break time="0.5s"/>'
            ) from None
        if steps > 0:
            self._ready.append(Entry((), "", steps))

    def _end_word(self) -> None:
        word, self._word = self._word, ""
        if word in TAGS:
            self._speaker = self._tokenizer.speakers[TAGS.index(word)]
        elif word:
            tokens = encode_word(self._tokenizer, word, self._speaker)
            self._speaker = None
            opening = self._tokenizer.speakers[0]
            if self._first and tokens[:1] != [opening]:
                # The first speaker opens every script, even one whose first tag is [S2].
                tokens = [opening, *tokens]
            self._first = False
            self._ready.append(Entry(tuple(tokens), word, len(tokens)))


def parse_script(
    script: str | Sequence[str], tokenizer: Tokenizer, frame_rate: float = 12.5
) -> list[Entry]:
    """Parse a whole script; lines are joined. Raises TextToSpeechError on a bad pause."""
    if not isinstance(script, str):
        script = "\n".join(line.strip() for line in script)
    parser = ScriptParser(tokenizer, frame_rate)
    return parser.feed(script) + parser.finish()


def encode_word(tokenizer: Tokenizer, word: str, speaker: int | None) -> list[int]:
    """Encode a word, after the tag of `speaker` (a token id) if that is one of the tokenizer's."""
    if speaker not in tokenizer.speakers:
        return tokenizer.encode(word)
    return tokenizer.encode(f"{TAGS[tokenizer.speakers.index(speaker)]} {word}")
