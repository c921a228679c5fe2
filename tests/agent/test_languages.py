"""Each language is complete, and is what its speakers say; words are found in every script."""

from pathlib import Path

import pytest

from agent.config.language import voice_of
from agent.errors import ConfigError
from agent.languages import (
    PARTS,
    code_of,
    codes,
    data,
    find,
    listed,
    name_of,
    phrase,
    section,
    word_count,
    words,
)
from agent.turns.backchannels import could_become_backchannel, is_backchannel
from agent.turns.completeness import judge
from tts.espeak.library import load_library

PHRASES = Path(__file__).parent / "phrases"
COMPLETE = ("en", *sorted(path.stem for path in PHRASES.glob("*.txt")))
NONE = {"particles", "digits_of", "phrases", "open", "tens", "determiners", "kokoro", "piper"}
NONE |= {"before", "names", "things", "recalls", "remarks", "others"}
"""What a language may have none of, and then says so with a dash."""


def keys(code: str, part: str) -> dict[str, object]:
    """The keys of a file, and those inside its mappings."""
    return {
        f"{name}.{inner}" if inner else name: value[inner] if inner else value
        for name, value in data(code, part).items()
        for inner in (value if isinstance(value, dict) and name != "signs" else [""])
    }


@pytest.mark.parametrize("code", COMPLETE)
def test_a_language_has_all_that_english_has(code: str) -> None:
    for part in PARTS:
        here, english = keys(code, part), keys("en", part)
        assert set(here) == set(english)
        empty = {key.split(".")[-1] for key, value in here.items() if value in ("-", "", None)}
        assert empty <= NONE
        if code != "en":
            same = {
                key
                for key, value in here.items()
                if isinstance(value, str) and " " in value and value == english[key]
            }
            assert not same, "English left as it was"


@pytest.mark.parametrize("code", codes())
def test_texts_are_texts(code: str) -> None:
    """YAML makes a truth value of a bare no, a number of 7."""
    for part in PARTS:
        for key, value in keys(code, part).items():
            assert isinstance(value, str | dict) or key == "spaces"
    for form in ("ask", "more"):
        if call := section(code, "phrases", "call"):
            assert {"ask": "{call}", "more": "{count}"}[form] in call[form]


@pytest.mark.parametrize("code", codes())
def test_every_language_has_a_name_and_a_voice(code: str) -> None:
    assert name_of(code) != code
    assert load_library().has(voice_of(code, "espeak"))


def cases() -> list[tuple[str, str, str]]:
    return [
        (path.stem, line[0], line[2:])
        for path in sorted(PHRASES.glob("*.txt"))
        for line in path.read_text("utf-8").splitlines()
    ]


@pytest.mark.parametrize(("code", "kind", "text"), cases())
def test_a_phrase_is_finished_or_is_not(code: str, kind: str, text: str) -> None:
    """`phrases/CODE.txt` has a phrase a line after `+`, if it is finished, or `-`."""
    judged = judge(text, language=code)
    assert judged.certainty >= 0.6 if kind == "+" else judged.certainty <= 0.25, judged


def test_without_words_of_a_language_sound_and_silence_decide() -> None:
    for text in ("и", "stop", "i would like to order", "ich möchte"):
        assert judge(text, language="ru").certainty == 0.5
        assert judge(text, language="xx").certainty == 0.5


@pytest.mark.parametrize(
    ("name", "code"),
    [("german", "de"), ("Deutsch", "de"), ("de-AT", "de"), ("pt_BR", "pt"), ("AUTO", "auto")],
)
def test_a_language_is_found_by_name_and_by_code(name: str, code: str) -> None:
    assert find(name) == code


def test_an_unknown_language_is_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'german'"):
        find("germna")
    with pytest.raises(ConfigError, match="there are auto, "):
        find("tlh")
    assert code_of("klingon") is None
    assert code_of("German") == "de"


def test_words_of_every_script() -> None:
    assert words("Don’t, go!") == ["don't", "go"]
    assert words("मुझे चाय चाहिए।") == ["मुझे", "चाय", "चाहिए"]
    assert word_count("我想要一杯咖啡") == 4
    assert word_count("good morning, Anna") == 3
    assert listed("-") == ()


def test_backchannels_of_a_language_are_its_own() -> None:
    assert is_backchannel("genau", "de")
    assert not is_backchannel("genau", "en")
    assert is_backchannel("うんなるほど", "ja")
    assert could_become_backchannel("なる", "ja")
    assert not could_become_backchannel("止め", "ja")


def test_what_is_not_put_in_words_is_said_otherwise() -> None:
    assert phrase("apology", "de", "Sorry.").startswith("Entschuldigung")
    assert phrase("apology", None, "Sorry.") == "Sorry."
    assert voice_of("de", "kokoro") == ""
    assert voice_of("de", "espeak") == "de"
