"""The reader: text in fragments becomes clauses, each with its speaker, as Dia should have them.

| written                         | read                                                        |
| ------------------------------- | ----------------------------------------------------------- |
| `[S1]` `[S2]` `[s1]` `[ S2 ]`   | who speaks from there on; without one the first speaker     |
| `[S3]` …                        | refused in a script, else left out: Dia has two speakers    |
| `(laughs)` `(laugh)` `[sigh]`   | one of the sounds that Dia was trained on, one a sentence   |
| `(explodes)`                    | nothing: not listed, and no words                           |
| `(an aside)` `[a note]`         | its words                                                   |
| `<break time="1s"/>`            | ...                                                         |
| `<pad>`, control characters     | nothing                                                     |
| “quotes”, dashes, accents       | in ASCII                                                    |
| letters of other scripts        | nothing, and an error if there was nothing else             |
"""

import logging
import re
from dataclasses import dataclass

from tts.clauses import ClauseSplitter
from tts.clean.sounds import as_sound
from tts.dia.text.letters import in_ascii
from tts.protocol import TextToSpeechError

SOUNDS = (
    *("laughs", "clears throat", "sighs", "gasps", "coughs", "singing", "sings", "mumbles"),
    *("beep", "groans", "sniffs", "claps", "screams", "inhales", "exhales", "applause"),
    *("burps", "humming", "sneezes", "chuckle", "whistles"),
)
"""Those that Dia was trained on, as they stand between parentheses."""

LONGEST_CLAUSE = 150
"""Characters: some ten seconds. Only what is longer is cut within a clause, at a space."""

_LONGEST = 64  # characters that a tag or a sound may have
_OPENING = re.compile(r"[\[(<]")
_TAG = re.compile(r"\[\s*[sS]\s*(\d{1,3})\s*\]")
_MARKUP = re.compile(r"(<break\b[^<>]*>)|<pad>")
_BRACKETS = re.compile(r"\(([^()\[\]<>\n]{1,60})\)|\[([^()\[\]<>\n]{1,60})\]")
_CLOSED = re.compile(r"[\])>\n]")
_UNLISTED = re.compile(r"[a-z]+(?:s|ing)")
_SENTENCE_END = re.compile(r"[.!?]+[\"')\]]*$")
_SPACES = re.compile(" +")
_STRAY = re.compile(r"\s+(?=[,.!?;:])|(?<=[,;:])[,;:\s]+(?=[,.!?;:])")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of one speaker's text that is never parted."""

    speaker: int
    """1 or 2."""
    text: str
    ends: bool
    """Whether a sentence ends with it."""


class Reader:
    """Reads one text, in fragments. The clauses depend on the text alone."""

    def __init__(self, *, script: bool = False, renumber: bool = True) -> None:
        """`script`: somebody wrote it for Dia, and is told what it has not.

        `renumber`: who speaks first is [S1], whatever the text calls them; not where voices say
        who is who.
        """
        self._script = script
        self._renumber = renumber
        self._swapped: bool | None = None
        """Whether [S1] and [S2] change places; known with the first clause."""
        self._speaker = 1  # as the text calls them
        self._rest = ""  # of the text, what may go on to be a tag or a sound
        self._splitter = ClauseSplitter(LONGEST_CLAUSE)
        self._sounded = False  # in this sentence
        self._foreign = ""
        self._read = False
        self._ready: list[Clause] = []

    def feed(self, text: str) -> list[Clause]:
        """Take more text; the clauses that it completes. Raises TextToSpeechError: see `script`."""
        self._rest += text
        self._scan(complete=False)
        return self._take()

    def finish(self) -> list[Clause]:
        """End the text; the clauses that are left.

        Raises TextToSpeechError if nothing in it was in Latin letters, but something in others.
        """
        self._scan(complete=True)
        self._end_turn()
        if self._foreign:
            shown = f"'{self._foreign[:20].rstrip()}'"
            if not self._read:
                raise TextToSpeechError(
                    f"Dia speaks English only, and can say nothing of {shown}: write English, or "
                    "choose a voice of that language"
                )
            _log.warning("Dia speaks English only: %s was left out", shown)
        return self._take()

    def _take(self) -> list[Clause]:
        clauses, self._ready = self._ready, []
        return clauses

    def _scan(self, *, complete: bool) -> None:
        text, at = self._rest, 0
        while opening := _OPENING.search(text, at):
            self._say(text[at : opening.start()])
            at = opening.start()
            if found := _TAG.match(text, at):
                self._turn(int(found[1]), found[0])
            elif found := _MARKUP.match(text, at):
                self._say("..." if found[1] else "")
            elif found := _BRACKETS.match(text, at):
                self._say_bracketed(found[1] or found[2], found[0])
            elif complete or len(text) - at > _LONGEST or _CLOSED.search(text, at):
                self._say(text[at] if text[at] == "<" else ", ")
                at += 1
                continue
            else:
                break
            at = found.end()
        else:
            self._say(text[at:])
            at = len(text)
        self._rest = text[at:]

    def _turn(self, number: int, tag: str) -> None:
        """Somebody else speaks, or the same again."""
        if number not in (1, 2):
            if self._script:
                raise TextToSpeechError(f"{tag}: Dia has two speakers, [S1] and [S2]")
            _log.warning("%s is left out: Dia has two speakers", tag)
            return
        if number != self._speaker:
            self._end_turn()
            self._speaker = number

    def _end_turn(self) -> None:
        self._add(self._splitter.finish(), turn_ends=True)

    def _say_bracketed(self, inside: str, whole: str) -> None:
        sound = as_sound(inside.strip(), SOUNDS, tag=whole[0] == "[")
        if sound is not None and not sound.startswith("("):
            sound = ""  # a direction that cannot be heard
        if sound is None and _UNLISTED.fullmatch(inside.strip()):
            _log.warning("%s is left out: it is none of the sounds that Dia makes", whole)
            sound = ""
        if sound is None:
            self._say(f", {inside}, " if whole[0] == "(" else inside)
        elif sound and not self._sounded:
            self._splitted(sound)
            self._sounded = True

    def _say(self, text: str) -> None:
        if len(self._foreign) < _LONGEST:
            lost = (char if char.isalpha() and not in_ascii(char).strip() else " " for char in text)
            self._foreign = _SPACES.sub(" ", self._foreign + "".join(lost)).lstrip()
        self._splitted(in_ascii(text).replace(")", ",").replace("]", ""))

    def _splitted(self, text: str) -> None:
        self._read = self._read or any(map(str.isalnum, text))
        self._add(self._splitter.feed(text), turn_ends=False)

    def _add(self, clauses: list[str], *, turn_ends: bool) -> None:
        for number, clause in enumerate(clauses, 1):
            text = _STRAY.sub("", " ".join(clause.split())).lstrip(",;: ")
            ends = bool(_SENTENCE_END.search(text)) or (turn_ends and number == len(clauses))
            if ends:
                self._sounded = False
            if not any(map(str.isalnum, text)):
                continue
            if self._swapped is None:
                self._swapped = self._renumber and self._speaker == 2
            speaker = 3 - self._speaker if self._swapped else self._speaker
            self._ready.append(Clause(speaker, text, ends))
        self._sounded = self._sounded and not turn_ends


def read_script(text: str) -> list[Clause]:
    """Read a whole script. Raises TextToSpeechError, also for one without words."""
    reader = Reader(script=True)
    clauses = reader.feed(text) + reader.finish()
    if not clauses:
        raise TextToSpeechError("nothing to say: the script has no words")
    return clauses
