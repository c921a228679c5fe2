"""Spelling: the phones of a phrase, from pocketsphinx's dictionary or by espeak-ng's rules."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from agent.errors import ConfigError
from tts import TextToSpeechError

_IPA = {
    **dict.fromkeys(("iː", "i"), "IY"),
    **dict.fromkeys(("ɪ", "ᵻ"), "IH"),
    **dict.fromkeys(("eɪ", "e"), "EY"),
    "ɛ": "EH",
    **dict.fromkeys(("æ", "a"), "AE"),
    **dict.fromkeys(("ɑː", "ɑ", "aː"), "AA"),
    **dict.fromkeys(("ɔː", "ɔ", "oː"), "AO"),
    **dict.fromkeys(("oʊ", "o"), "OW"),
    "ʊ": "UH",
    **dict.fromkeys(("uː", "u"), "UW"),
    **dict.fromkeys(("ʌ", "ə", "ɐ"), "AH"),
    **dict.fromkeys(("ɚ", "ɜː", "ɝ"), "ER"),
    "aɪ": "AY",
    "aʊ": "AW",
    "ɔɪ": "OY",
    **{letter: letter.upper() for letter in "pbtdkfvszmnlw"},
    **dict.fromkeys(("ɡ", "g"), "G"),
    **dict.fromkeys(("ɹ", "r"), "R"),
    **dict.fromkeys(("h", "x", "ç"), "HH"),
    **dict.fromkeys(("ɾ", "ʔ"), "T"),
    "θ": "TH",
    "ð": "DH",
    "ʃ": "SH",
    "ʒ": "ZH",
    "ŋ": "NG",
    "j": "Y",
    "tʃ": "CH",
    "dʒ": "JH",
    "n̩": "AH N",
    "l̩": "AH L",
    **dict.fromkeys(("ˈ", "ˌ", " ", "ː", "ʲ", "-"), ""),
}
"""Phones of the dictionary by what espeak writes for American English."""
_LONGEST = max(map(len, _IPA))
_ALTERNATE = re.compile(r"\(\d+\)$")


@cache
def spell(phrase: str) -> dict[str, tuple[str, ...]]:
    """Return the pronunciations of each word of a phrase, phones with spaces between. Blocks.

    Raises ConfigError for a word that cannot be spelt.
    """
    words = phrase.split()
    known = _dictionary(words)
    spelt = {word: known.get(word) or (_by_rules(word),) for word in words}
    for word, pronunciations in spelt.items():
        if not all(pronunciations):
            raise ConfigError(
                f"wake.words: pocketsphinx cannot spell '{word}' in '{phrase}': write it as it "
                "would be written in English, or take other words"
            )
    return spelt


def phones(phrase: str) -> int:
    """How many phones it has. Raises ConfigError."""
    return sum(len(pronunciations[0].split()) for pronunciations in spell(phrase).values())


def _dictionary(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    from pocketsphinx import get_model_path

    found: dict[str, tuple[str, ...]] = {}
    path = Path(get_model_path()) / "en-us" / "cmudict-en-us.dict"
    for line in path.read_text("utf-8").splitlines():
        entry, _, pronunciation = line.partition(" ")
        word = _ALTERNATE.sub("", entry)
        if word in words:
            found[word] = (*found.get(word, ()), pronunciation)
    return found


def _by_rules(word: str) -> str:
    """What espeak makes of a word; empty where it has letters or a sound that English has not."""
    if not all("LATIN" in unicodedata.name(letter, "") for letter in word if letter.isalpha()):
        return ""
    from tts.espeak.library import load_library

    try:
        ipa = load_library().phonemes(word, "en-us")
    except (ImportError, TextToSpeechError):
        return ""
    spelt: list[str] = []
    place = 0
    while place < len(ipa):
        length = next((n for n in range(_LONGEST, 0, -1) if ipa[place : place + n] in _IPA), 0)
        if not length:
            return ""
        spelt += _IPA[ipa[place : place + length]].split()
        place += length
    return " ".join(spelt)
