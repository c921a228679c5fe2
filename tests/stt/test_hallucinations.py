"""What Whisper makes up is told from what was said, layer by layer."""

from dataclasses import replace
from typing import Any

import pytest

from stt.hallucinations import (
    SILENCE_PHRASES,
    Hypothesis,
    decoding_fault,
    is_silence_phrase,
    rejection,
    repetitions,
)
from stt.vad import VoiceActivity
from stt.whisper.agreement import LocalAgreement

SAID = Hypothesis("Turn on the lights.", (1, 2, 3, 4, 5), -0.2, 0.02, "en")


def voice(seconds: float = 1.5, clarity: float = 0.9) -> VoiceActivity:
    """Of which so much was measured."""
    heard = VoiceActivity()
    heard._probabilities = [clarity] * round(seconds / 0.032)
    if clarity < 0.5:  # pauses between windows that are just about voices
        heard._probabilities = [0.5, *([2 * clarity - 0.5, 0.5] * round(seconds / 0.032))]
    return heard


@pytest.mark.parametrize(
    ("changes", "heard"),
    [
        ({}, voice()),
        ({"no_speech": 0.9}, voice()),  # sure of its words, and a clear voice
        ({"text": "Thank you.", "tokens": (1, 2, 3)}, voice(0.6)),
        ({"text": "no no no", "tokens": (1, 1, 1)}, voice()),
        ({"text": "five five five five", "tokens": (1, 1, 1, 1)}, voice(1.6)),
        ({"text": "Yes.", "tokens": (1, 2)}, voice(0.26)),
        ({"log_probability": -0.9}, voice()),
        # What no rule alone may throw away: haste, a known phrase, the same again and again.
        ({"text": "Tell me everything you know about the history of the world."}, voice(1.6)),
        ({"text": "Tell me all you know about the history.", "no_speech": 0.3}, voice(0.8)),
        ({"text": "Thank you very much.", "log_probability": -0.05}, voice(0.7)),
        ({"text": "Music.", "log_probability": -0.67, "no_speech": 0.04}, voice(0.38)),
        ({"text": "Bye bye.", "log_probability": -0.65, "no_speech": 0.03}, voice(0.4)),
        ({"text": "Thank you.", "log_probability": -0.8}, voice(0.6)),
        ({"text": "No.", "log_probability": -0.5, "no_speech": 0.05}, voice(0.19)),
        ({"text": "I want to go home. " * 3, "tokens": (1, 2, 3) * 3}, voice(3)),
        ({"text": "no no no no no", "tokens": (1,) * 5}, voice(1.2)),
    ],
)
def test_what_people_say_passes(changes: dict[str, Any], heard: VoiceActivity) -> None:
    assert rejection(replace(SAID, **changes), heard) is None


@pytest.mark.parametrize(
    ("changes", "heard", "reason"),
    [
        ({"no_speech": 0.7, "log_probability": -0.8}, voice(), "no speech"),
        ({"no_speech": 0.7}, voice(1.5, 0.4), "no speech"),
        ({"ended": False}, voice(), "no end"),
        ({"tokens": (7, *(1, 2) * 5), "no_speech": 0.3}, voice(), "5 times"),
        ({"tokens": (7, *(1, 2) * 5), "no_speech": 0.5}, voice(), "no speech"),
        ({"tokens": (1, 1, 1), "log_probability": -0.7}, voice(), "3 times"),
        ({"text": "and so it goes on and " * 8, "tokens": ()}, voice(8), "in circles"),
        ({"text": "A sentence that takes three seconds to say."}, voice(0.4), "characters a sec"),
        (
            {"text": "Thank you.", "log_probability": -0.8, "no_speech": 0.3},
            voice(0.6),
            "heard in silence",
        ),
        ({"text": "I'm a new girl.", "log_probability": -1.6, "no_speech": 0.5}, voice(), "words"),
        ({"text": "No.", "log_probability": -0.7, "no_speech": 0.3}, voice(0.19), "s of voice"),
        ({"text": "no " * 60, "ended": False, "log_probability": -0.04}, voice(), "no end"),
        ({"text": "Thank you.", "no_speech": 0.5}, voice(0.6), "heard in silence"),
        ({"text": "Thank you.", "tokens": (1, 2)}, voice(0.6, 0.45), "heard in silence"),
        ({"text": "Thanks for watching!"}, voice(0.6), "heard in silence"),
        (
            {"text": "Untertitel der Amara.org-Community", "language": "de", "no_speech": 0.5},
            voice(2),
            "heard in silence",
        ),
    ],
)
def test_what_nobody_said_is_rejected(
    changes: dict[str, Any], heard: VoiceActivity, reason: str
) -> None:
    told = rejection(replace(SAID, **changes), heard)
    assert told is not None
    assert reason in told


def test_all_reasons_are_told_the_heaviest_first() -> None:
    ghost = replace(SAID, text="Thanks for watching!", log_probability=-0.9, no_speech=0.7)
    assert rejection(ghost, voice()) == (
        "a phrase that is heard in silence (Thanks for watching!), no speech (probability 0.70), "
        "doubtful words (log-probability -0.90)"
    )


def test_decoding_faults_are_reasons_to_decode_again() -> None:
    assert decoding_fault(SAID) is None
    assert (
        decoding_fault(replace(SAID, no_speech=0.99, log_probability=-3)) is None
    )  # no better in full
    assert decoding_fault(replace(SAID, ended=False)) == "the text has no end"


def test_repetitions_are_counted_whatever_their_length() -> None:
    assert repetitions([]) == 1
    assert repetitions([1, 2, 3, 4]) == 1
    assert repetitions([9, 1, 1, 1, 8]) == 3
    assert repetitions([1, 2, 3, 1, 2, 3, 1, 2, 3, 4]) == 3
    assert repetitions([1, 2, 1, 3, 1, 2, 1, 4]) == 1


def test_silence_phrases_are_whole_transcripts() -> None:
    assert is_silence_phrase("  Thanks for watching!!", "en")
    assert is_silence_phrase("Thank you. Thank you. Bye.", "en")
    assert is_silence_phrase("Thank you.", "de")  # English ones appear everywhere
    assert is_silence_phrase("ご視聴ありがとうございました。", "ja")
    assert not is_silence_phrase("Thank you for the music.", "en")
    assert not is_silence_phrase("Vielen Dank", "en")
    assert not is_silence_phrase("", "en")
    assert all(phrase for phrases in SILENCE_PHRASES.values() for phrase in phrases)


def test_agreed_words_never_flicker() -> None:
    agreement = LocalAgreement()
    assert agreement.update("I") is None
    assert agreement.update("I want") == "I"
    assert agreement.update("I won't go") is None
    assert agreement.update("I won't go, now") == "I won't go,"
    assert agreement.update("We will not go now then") is None
    assert agreement.update("We will not go now then please") is None  # what is shown stays
    assert agreement.update("") is None
    assert agreement.update("I won't go. Now then please") is None
    assert agreement.update("I won't go. Now then please sir") == "I won't go, Now then please"


def test_the_newest_word_is_held_back() -> None:
    agreement = LocalAgreement()
    for _ in range(3):
        shown = agreement.update("stop that")
    assert shown is None
    assert agreement.update("stop that is") == "stop that"
