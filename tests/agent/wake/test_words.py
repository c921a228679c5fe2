"""Wake words in a transcript, in a configuration, and how they are spelt."""

import pytest

from agent.config.load import parse_config
from agent.config.wake import WakeSettings
from agent.errors import ConfigError
from agent.wake.create import create_wake_word_engine, engine_of
from agent.wake.pocketsphinx import PocketsphinxSpotter
from agent.wake.spelling import spell
from agent.wake.words import without_wake_words


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("Hey Parley, what time is it?", "what time is it?"),
        ("hey parley what time is it", "what time is it"),
        ("Hey, Parlay. What time is it?", "What time is it?"),
        ("Hey Charley, stop", "stop"),
        ("heyparley stop", "stop"),
        ("hey parley", ""),
        ("what does hey parley mean", "what does hey parley mean"),
        ("what time is it", "what time is it"),
        ("they are late", "they are late"),
        ("", ""),
    ],
)
def test_the_wake_word_is_no_part_of_what_is_asked(heard: str, said: str) -> None:
    assert without_wake_words(["hey parley"], heard) == said
    assert without_wake_words([], heard) == heard


def test_words_are_spelt_by_the_dictionary_or_by_rules() -> None:
    assert spell("hey parley")["parley"] == ("P AA R L IY",)
    assert spell("hallo schnuffel")["schnuffel"] == ("SH N AH F AH L",)


@pytest.mark.parametrize("word", ["hey Привет", "你好", "hey 小爱"])
def test_what_cannot_be_spelt_is_said_in_a_line(word: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot spell '.+': write it") as caught:
        PocketsphinxSpotter([word.lower()], 0.5).load()
    assert "\n" not in str(caught.value)


def test_a_short_word_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'bob' is too short .* 'hey bob'"):
        PocketsphinxSpotter(["bob"], 0.5).load()


def test_a_backchannel_is_no_wake_word() -> None:
    with pytest.raises(ConfigError, match="'mm hm' is what people say while they listen"):
        create_wake_word_engine(WakeSettings(words=["Mm  hm"]))


@pytest.mark.parametrize(
    ("words", "engine"),
    [
        (["hey parley", "hey jarvis"], "openwakeword"),
        (["hey parley", "computer"], "pocketsphinx"),
        (["good evening"], "pocketsphinx"),
    ],
)
def test_auto_takes_the_engine_that_was_trained_for_every_word(
    words: list[str], engine: str
) -> None:
    assert engine_of(WakeSettings(words=words, engine="auto")) == engine
    assert engine_of(WakeSettings(words=words, engine="pocketsphinx")) == "pocketsphinx"
    own = WakeSettings(words=words[-1:], engine="auto", model="mine.onnx")
    assert engine_of(own) == "openwakeword"


def test_auto_does_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert engine_of(WakeSettings(words=["hey parley"], engine="auto")) == "pocketsphinx"


@pytest.mark.parametrize(
    ("wake", "message"),
    [
        ("{words: ['']}", "words that can be said"),
        ("{words: ['hey parley', ' ']}", "words that can be said"),
        (
            "{words: [hey parley], engine: pocketsphinx, model: a.tflite}",
            "needs engine: openwakeword",
        ),
        (
            "{words: [a b, c d], engine: openwakeword, model: a.tflite}",
            "needs the one word that it hears",
        ),
        ("{words: [hey parley], engine: porcupine}", "pocketsphinx"),
        ("{words: [hey parley], sensitivity: 2}", "less than 1"),
        ("{words: [hey parley], timeout: 0}", "greater than 0"),
    ],
)
def test_what_cannot_be_is_refused(wake: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(f"wake: {wake}".encode(), "agent.yaml")
