"""The last turns as a prefix: who said what, how much of it, and that every word is taken."""

import numpy as np
import pytest

from tests.tiny_dia2 import make
from tts import SpokenTurn, SpokenWord
from tts.dia2.bundle import Bundle
from tts.dia2.serving.context import RESERVED, ConversationContext
from tts.dia2.serving.windows import last_frame


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.load(make(tmp_path_factory.mktemp("dia2")))


def turn(speaker: str, words: str, seconds: float = 2.0, rate: int = 16000) -> SpokenTurn:
    """Sound in the middle of as much silence, with its words spread over it."""
    generator = np.random.default_rng(len(words))
    quiet = np.zeros(round(seconds * rate / 2), np.float32)
    loud = generator.normal(0, 0.1, round(seconds * rate)).astype(np.float32)
    texts = words.split()
    spoken = [
        SpokenWord(text, len(quiet) + len(loud) * n // len(texts)) for n, text in enumerate(texts)
    ]
    pcm = np.concatenate((quiet, loud, quiet))
    return SpokenTurn("agent" if speaker == "agent" else "user", pcm, rate, tuple(spoken))


def test_no_turn_is_no_prefix(bundle: Bundle) -> None:
    assert ConversationContext(bundle, None, 4).prefix().plan.frames == 0


def test_turns_are_heard_in_order_each_by_its_speaker(bundle: Bundle) -> None:
    context = ConversationContext(bundle, None, 4)
    context.add(turn("user", "how are you"))
    context.add(turn("agent", "very well thanks", rate=24000))
    prefix = context.prefix()
    assert [entry.text for entry in prefix.plan.entries] == [
        "how",
        "are",
        "you",
        "very",
        "well",
        "thanks",
    ]
    first, second = bundle.tokenizer.speakers
    assert prefix.plan.entries[0].tokens[0] == second
    assert prefix.plan.entries[3].tokens[0] == first
    assert prefix.codes.shape == (bundle.config.codebooks, prefix.plan.frames)
    assert prefix.plan.drains


def test_silence_around_a_turn_is_not_heard(bundle: Bundle) -> None:
    context = ConversationContext(bundle, None, 4)
    context.add(turn("user", "how are you", seconds=4.0))
    # 4 s of sound in 8 s, a little around it, and the tail that the last word needs.
    assert 4.0 <= context.prefix().plan.frames / bundle.frame_rate <= 5.5


def test_only_the_last_turns_are_kept(bundle: Bundle) -> None:
    context = ConversationContext(bundle, None, 2)
    for text in ("one", "two", "three"):
        context.add(turn("user", text))
    assert [entry.text for entry in context.prefix().plan.entries] == ["two", "three"]


def test_room_is_left_for_the_reply_and_the_oldest_go_first(bundle: Bundle) -> None:
    context = ConversationContext(bundle, None, 100)
    for number in range(40):
        context.add(turn("user", f"turn{number}", seconds=4.0))
    prefix = context.prefix()
    assert last_frame(bundle.config) - prefix.plan.frames >= RESERVED
    assert last_frame(bundle.config) - prefix.plan.frames < RESERVED + 80
    assert prefix.plan.entries[-1].text == "turn39"


def test_what_cannot_be_heard_is_left_out(bundle: Bundle) -> None:
    context = ConversationContext(bundle, None, 4)
    context.add(SpokenTurn("user", np.zeros(16000, np.float32), 16000, (SpokenWord("hush", 0),)))
    context.add(SpokenTurn("user", np.ones(16000, np.float32), 16000, ()))
    assert context.prefix().plan.frames == 0
