"""A call, read out: the question that the user answers, in words that the model cannot choose.

What the model chose are the arguments. They are read as parts of the one sentence that the question
is: their own sentences do not end it, and nothing in them is markup that the voice would leave out.
"""

import re
import unicodedata
from collections.abc import Mapping

LONGEST = 200
"""Characters of an argument that are read; of a longer one it is said how much more there is."""

LONGEST_CALL = 1000
"""Characters of all arguments together."""

_NAMES = {"/": "slash", "\\": "backslash", "_": "underscore", "-": "dash", "*": "star", "#": "hash"}


def question(template: bool | str, name: str, arguments: Mapping[str, object]) -> str:
    """What the user is asked: `template` with the arguments in its braces, or all of the call.

    All of the call is read, too, where the template names an argument that the call lacks.
    """
    if isinstance(template, str):
        try:
            return template.format_map({key: _slot(value) for key, value in arguments.items()})
        except (KeyError, IndexError, ValueError, AttributeError, TypeError):
            pass
    details = _read(arguments)
    if len(details) > LONGEST_CALL:
        more = len(details) - LONGEST_CALL
        details = f"{details[:LONGEST_CALL]}, and {more} more characters"
    return f"Shall I really do this: {_key(name)}{', ' if details else ''}{details}?"


def _slot(value: object) -> object:
    """A value for the braces of a template; numbers as they are, for formats such as {n:.1f}."""
    return value if type(value) in (int, float) else _read(value)


def _read(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case Mapping():
            return ", ".join(f"{_key(key)} {_read(each)}" for key, each in value.items())
        case list():
            return ", ".join(map(_read, value)) or "none"
        case _:
            return _speakable(str(value))


def _key(key: object) -> str:
    return _speakable(str(key).replace("_", " "))


def _speakable(text: str) -> str:
    """`text` as words of a sentence: signs have names, ends of sentences are commas."""
    text = unicodedata.normalize("NFC", text)
    more = len(text) - LONGEST
    text = re.sub(r"[.,;:!?。、，！？：；…]+(?=\s|$)|\s*\n\s*", ", ", text[:LONGEST])
    text = re.sub(r"[^\w\s,]|_", _sign, text)
    text = re.sub(r"\s+", " ", text).strip(" ,")
    if more > 0:
        text += f", and {more} more characters"
    return text or "nothing"


def _sign(found: re.Match[str]) -> str:
    """A sign as it is where it only joins letters or digits, or else its name."""
    sign, before, after = found[0], found.string[: found.start()], found.string[found.end() :]
    if sign in ".'’-@:" and before[-1:].isalnum() and after[:1].isalnum():
        return sign
    if (sign in "-+$€£" and after[:1].isdecimal()) or (sign in "%°€" and before[-1:].isdecimal()):
        return sign
    if unicodedata.category(sign) in ("Mn", "Mc", "Me"):
        return sign  # belongs to the letter before it
    name = _NAMES.get(sign) or unicodedata.name(sign, "a sign").lower()
    return f" {name} "
