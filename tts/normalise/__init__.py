"""Normalisation for speech: figures, signs and abbreviations become words."""

from functools import lru_cache
from importlib import import_module

from tts.normalise.rules import Rules
from tts.normalise.stream import Normaliser

LANGUAGES = ("en", "de", "es", "fr", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ru", "tr", "zh")
"""Codes of the languages that it knows."""


@lru_cache
def rules_of(language: str) -> Rules:
    """The rules of a language among LANGUAGES."""
    rules: Rules = import_module(f"tts.normalise.languages.{language}").RULES
    return rules


def normaliser(language: str | None) -> Normaliser:
    """A normaliser for a voice's language, such as en or de-at; others stay as they are written."""
    code = (language or "").lower().replace("_", "-").partition("-")[0]
    return Normaliser(rules_of(code) if code in LANGUAGES else None)


__all__ = ["LANGUAGES", "Normaliser", "normaliser"]
