"""Languages as data: a folder each in `configs/languages`, read when it is first asked for.

A folder has up to four files: `language.yaml` (names, voices), `turns.yaml` (turn end,
backchannels, side talk), `answers.yaml` (yes and no) and `phrases.yaml` (what the agent says by
itself). What a language lacks is not known of it: nothing is taken from another one.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from agent.errors import ConfigError, did_you_mean

PARTS = ("language", "turns", "answers", "phrases")
"""The files of a folder."""

AUTO = "auto"
"""The language that is heard, turn by turn."""

_MARKS = "\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u200c\u200d"
"""What belongs to the letter before it: accents, and the vowels of Devanagari."""
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}])*(?:'[^\W_](?:[^\W_]|[{_MARKS}])*)*")
_SPACELESS = re.compile("[\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff々〆]+")
LETTERS_OF_A_WORD = 2
"""Kana and Han characters that count as a word, where no spaces tell."""


def _home() -> Traversable:
    return files("configs") / "languages"


@cache
def codes() -> tuple[str, ...]:
    """Return the codes of all languages that have a folder."""
    return tuple(sorted(entry.name for entry in _home().iterdir() if entry.is_dir()))


@cache
def data(code: str, part: str) -> Mapping[str, Any]:
    """Return what a file of a language says, one of PARTS; empty where there is no such."""
    place = _home() / code / f"{part}.yaml"
    if code not in codes() or not place.is_file():
        return {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loaded: Mapping[str, Any] = yaml.load(place.read_text("utf-8"), loader)
    return loaded


def section(code: str, part: str, name: str) -> Mapping[str, str]:
    """Return a mapping inside a file, empty where there is none."""
    found: Mapping[str, str] = data(code, part).get(name) or {}
    return found


@cache
def listed(text: str) -> tuple[str, ...]:
    """Return the words and phrases of a list, which commas separate, as `words` writes them.

    A dash alone is an empty list.
    """
    return tuple(filter(None, (" ".join(words(each)) for each in text.split(","))))


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation.

    Where a script has no spaces, what stands between two marks is one.
    """
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return _WORD.findall(text)


def spaceless(text: str) -> bool:
    """Return whether a text is in a script without spaces, all of it."""
    return _SPACELESS.fullmatch(text) is not None


def word_count(text: str) -> int:
    """Count the words of a text; so many characters are one where no spaces are written."""
    count = 0
    for part in text.split():
        spaceless = sum(map(len, _SPACELESS.findall(part)))
        count += -(-spaceless // LETTERS_OF_A_WORD) if spaceless else 1
    return count


def spaced(code: str) -> bool:
    """Return whether spaces stand between the words of a language."""
    return bool(data(code, "language").get("spaces", True))


def code_of(language: str | None) -> str | None:
    """Return the code of a language that has a folder, named as a recogniser does: de, German."""
    return _by_name(language) if language else None


@cache
def _by_name(language: str) -> str | None:
    wanted = language.strip().casefold().replace("_", "-")
    base = wanted.split("-")[0].split(".")[0]
    if base in codes():
        return base
    return next((code for code in codes() if wanted in _names(code)), None)


def find(language: str) -> str:
    """Return the code of a language by its code (de, de-AT) or name; auto as it is.

    Raises ConfigError with the nearest one for a language that has no folder.
    """
    if language.strip().casefold() == AUTO:
        return AUTO
    if (code := _by_name(language)) is not None:
        return code
    known = {name: code for code in codes() for name in (code, *_names(code))}
    there = ", ".join(f"{code} ({name_of(code)})" for code in codes())
    hint = did_you_mean(language.strip().casefold(), known, f"; there are {AUTO}, {there}")
    raise ConfigError(f"no language is called '{language}'{hint}")


def name_of(code: str) -> str:
    """Return the English name of a language."""
    return str(data(code, "language").get("name", code))


def _names(code: str) -> tuple[str, ...]:
    own = data(code, "language")
    others = str(own.get("names", "")).split(",")
    return tuple(name.strip().casefold() for name in (str(own.get("name", "")), *others) if name)


def phrase(name: str, code: str | None, otherwise: str) -> str:
    """Return what the agent says in a language; `otherwise` where nobody has put it in words."""
    found = data(code, "phrases").get(name) if code else None
    return str(found) if found else otherwise


def preload(language: str) -> None:
    """Read the files of a language, or of all of them for auto: some milliseconds each."""
    for code in codes() if language == AUTO else (language,):
        for part in PARTS:
            data(code, part)
