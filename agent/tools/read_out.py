"""A call, read out: the question that the user answers, in words that the model cannot choose.

What the model chose are the arguments. They are read as parts of the one sentence that the question
is: their own sentences do not end it, and nothing in them is markup that the voice would leave out.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from agent.languages import data, section

LONGEST = 200
"""Characters of an argument that are read; of a longer one it is said how much more there is."""

LONGEST_CALL = 1000
"""Characters of all arguments together."""


def question(
    template: bool | str, name: str, arguments: Mapping[str, object], language: str | None = None
) -> str:
    """What the user is asked: `template` with the arguments in its braces, or all of the call.

    All of the call is read, too, where the template names an argument that the call lacks.
    `language` is the code of the user's, None where it is not known.
    """
    reader = _reader(language if language and data(language, "phrases") else "en")
    if isinstance(template, str):
        try:
            return template.format_map({key: reader.slot(each) for key, each in arguments.items()})
        except (KeyError, IndexError, ValueError, AttributeError, TypeError):
            pass
    details = reader.read(arguments)
    if len(details) > LONGEST_CALL:
        more = len(details) - LONGEST_CALL
        details = f"{details[:LONGEST_CALL]}, {reader.more(more)}"
    call = f"{reader.key(name)}{', ' if details else ''}{details}"
    return reader.words["ask"].replace("{call}", call)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reader of arguments in a language."""

    words: Mapping[str, str]
    signs: Mapping[str, str]
    """Names of signs; others have those of Unicode."""

    def slot(self, value: object) -> object:
        """A value for the braces of a template; numbers as they are, for formats as {n:.1f}."""
        return value if type(value) in (int, float) else self.read(value)

    def read(self, value: object) -> str:
        """A value in words."""
        match value:
            case None:
                return self.words["none"]
            case bool():
                return self.words["true" if value else "false"]
            case int() | float():
                return str(value)
            case Mapping():
                return ", ".join(
                    f"{self.key(key)} {self.read(each)}" for key, each in value.items()
                )
            case list():
                return ", ".join(map(self.read, value)) or self.words["none"]
            case _:
                return self.speakable(str(value))

    def key(self, key: object) -> str:
        """A name in words."""
        return self.speakable(str(key).replace("_", " "))

    def more(self, count: int) -> str:
        """What is not read."""
        return self.words["more"].replace("{count}", str(count))

    def speakable(self, text: str) -> str:
        """`text` as words of a sentence: signs have names, ends of sentences are commas."""
        text = unicodedata.normalize("NFC", text)
        more = len(text) - LONGEST
        text = re.sub(r"[.,;:!?。、，！？：；…]+(?=\s|$)|\s*\n\s*", ", ", text[:LONGEST])
        text = re.sub(r"[^\w\s,]|_", self._sign, text)
        text = re.sub(r"\s+", " ", text).strip(" ,")
        if more > 0:
            text += f", {self.more(more)}"
        return text or self.words["nothing"]

    def _sign(self, found: re.Match[str]) -> str:
        """A sign as it is where it only joins letters or digits, or else its name."""
        sign, before = found[0], found.string[: found.start()]
        after = found.string[found.end() :]
        if sign in ".'’-@:" and before[-1:].isalnum() and after[:1].isalnum():
            return sign
        if (sign in "-+$€£" and after[:1].isdecimal()) or (
            sign in "%°€" and before[-1:].isdecimal()
        ):
            return sign
        if unicodedata.category(sign) in ("Mn", "Mc", "Me"):
            return sign  # belongs to the letter before it
        name = self.signs.get(sign) or unicodedata.name(sign, self.words["sign"]).lower()
        return f" {name} "


@cache
def _reader(language: str) -> _Reader:
    return _Reader(section(language, "phrases", "call"), section(language, "phrases", "signs"))
