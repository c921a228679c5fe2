"""One key sets what the other sections leave open, and refuses what has no other language."""

import pytest

from agent.config.language import with_every_language
from agent.config.load import Config, parse_config
from agent.config.sections import PREAMBLE
from agent.errors import ConfigError


def config(text: str) -> Config:
    return parse_config(text.encode(), "a.yaml")


WHISPER = "stt: {engine: whisper}\n"


def test_a_language_sets_what_is_open() -> None:
    german = config("language: german\n" + WHISPER)
    assert german.language == german.spoken == "de"
    assert german.stt.language == "de"  # type: ignore[attr-defined]
    assert german.tts.voice == "de"  # type: ignore[attr-defined]
    assert german.agent.apology.startswith("Entschuldigung")
    assert german.agent.preamble.startswith(PREAMBLE)
    assert "Deutsch" in german.agent.preamble
    assert "schlaf jetzt" in german.wake.dismissals
    assert german.idle.prompt == "Ist noch jemand da?"


def test_what_is_configured_stays() -> None:
    own = config(
        "language: de\nstt: {engine: whisper, language: auto}\ntts: {voice: de+f3}\n"
        "agent: {apology: Hoppla., preamble: ''}\n"
    )
    assert own.stt.language == "auto"  # type: ignore[attr-defined]
    assert own.tts.voice == "de+f3"  # type: ignore[attr-defined]
    assert (own.agent.apology, own.agent.preamble) == ("Hoppla.", "")


def test_fallbacks_speak_it_too() -> None:
    german = config(
        "language: de\nstt: {engine: whisper, fallback: {engine: openai}}\n"
        "tts: {engine: auto, fallback: {engine: piper}}\n"
    )
    assert german.stt.fallback[0].language == "de"  # type: ignore[attr-defined]
    assert german.tts.voice == "de_DE-thorsten-medium"  # type: ignore[attr-defined]
    assert german.tts.fallback[0].engine_name == "piper"


def test_nothing_changes_without_it() -> None:
    assert config("") == Config()
    assert "go to sleep" in config("language: en").wake.dismissals
    assert Config().spoken is None
    assert config("language: en\nagent: {name: X}\n").agent.preamble == PREAMBLE


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("language: gorman", "a.yaml:1: language: no language is called 'gorman', did you mean "),
        ("language: tlh", "a.yaml:1: language: no language is called 'tlh'; there are auto, "),
        ("language: de", "pocketsphinx understands English only: for German choose stt.engine "),
        (f"language: de\n{WHISPER}tts: {{engine: dia2}}", "a.yaml:3: tts.engine: dia2 speaks Eng"),
        (f"language: de\n{WHISPER}tts: {{engine: dia}}", "a.yaml:3: tts.engine: dia speaks Engl"),
        (f"language: de\n{WHISPER}tts: {{engine: kokoro}}", "kokoro has no voice for German"),
    ],
)
def test_what_cannot_be_is_one_line(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        config(text)
    assert problem in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_of_a_language_that_is_heard_it_says_what_is_open() -> None:
    assert Config().heard_in("de").agent.apology.startswith("Entschuldigung")
    assert Config().heard_in("de").agent.preamble == PREAMBLE
    assert Config().heard_in("xx") == Config()
    own = config("agent: {apology: Oops.}")
    assert own.heard_in("German").agent.apology == "Oops."


def test_espeak_answers_in_every_language_where_no_voice_was_chosen() -> None:
    assert with_every_language(Config().tts).languages["de"] == "de"  # type: ignore[attr-defined]
    chosen = with_every_language(config("tts: {voice: en-gb}").tts)
    assert chosen.languages == {}  # type: ignore[attr-defined]
