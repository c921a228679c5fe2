"""The conversation is heard while nobody speaks: sooner, and to the same end."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.tts.dia2.serving.test_context import turn
from tests.tts.dia2.serving.utterances import TEXT, Listening, checkpoint, fragments, run, settings
from tts.dia2.serving.context_prefill import ContextPrefill
from tts.dia2.serving.prefix_cache import block_size
from tts.dia2.serving.prepare import Prepared, load

torch.set_num_threads(1)  # these networks are too small to share out

TURNS = [
    turn("user", "how are you this fine morning", 5.0),
    turn("agent", "very well thanks", 3.0, 24000),
    turn("user", "then speak", 2.0),
]
BLOCK = block_size(torch.device("cpu"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("tiny"), max_steps=600)


def ready(model: Path, **options: Any) -> tuple[Prepared, ContextPrefill]:
    prepared = load(settings(model, **{"context": 4, **options}))
    assert prepared.rehearsal is not None
    return prepared, prepared.rehearsal


def rest(prepared: Prepared, rehearsal: ContextPrefill, most: int = 1000) -> int:
    """What the engine's thread does with its time while nobody speaks: how many pieces it was."""
    pieces = 0
    while pieces < most and (prepared.scheduler.step() or rehearsal.step()):
        pieces += 1
    return pieces


class Heard:
    """The passes of many columns: first column of each, and how many."""

    def __init__(self, prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passes: list[tuple[int, int]] = []
        prefill = prepared.bundle.model.prefill

        def noted(slot: int, columns: Tensor, positions: Tensor) -> Tensor:
            self.passes.append((int(positions[0]), len(columns)))
            return prefill(slot, columns, positions)

        monkeypatch.setattr(prepared.bundle.model, "prefill", noted)


def reply(prepared: Prepared, rehearsal: ContextPrefill) -> Listening:
    """An utterance as the engine opens it."""
    speaking = Listening(prepared)
    speaking.begin_with(rehearsal.warmed())
    prepared.scheduler.open(speaking)
    return speaking


def spoken(prepared: Prepared, speaking: Listening) -> Listening:
    for fragment in fragments(TEXT, random.Random(1)):
        speaking.feed(fragment)
        prepared.scheduler.step()
    speaking.finish()
    run(prepared, speaking)
    return speaking


def cold(model: Path) -> Listening:
    """The reply of an engine that had no time at all."""
    prepared, rehearsal = ready(model)
    for each in TURNS:
        rehearsal.remember(each)
    return spoken(prepared, reply(prepared, rehearsal))


@pytest.mark.parametrize("slots", [1, 2])
def test_a_reply_hears_only_what_the_text_decides(
    model: Path, monkeypatch: pytest.MonkeyPatch, slots: int
) -> None:
    prepared, rehearsal = ready(model, slots=slots)
    heard = Heard(prepared, monkeypatch)
    begun = []
    for each in TURNS:
        rehearsal.remember(each)
        before = len(heard.passes)
        rest(prepared, rehearsal)
        begun.append(heard.passes[before][0])
    # A turn more: what is before it has been heard, in whole blocks.
    assert begun == [0, BLOCK, 2 * BLOCK]
    assert max(size for _, size in heard.passes) <= BLOCK
    heard.passes.clear()
    warm = spoken(prepared, reply(prepared, rehearsal))
    plan = rehearsal.warmed()
    assert heard.passes == [(plan.window.common, plan.opening.plan.frames - plan.window.common)]
    assert np.array_equal(warm.codes, cold(model).codes)
    assert np.array_equal(warm.pcm, cold(model).pcm)


@pytest.mark.parametrize("context", [2, 3, 100])
def test_what_a_turn_will_crowd_out_is_left_out_before_it_comes(
    model: Path, monkeypatch: pytest.MonkeyPatch, context: int
) -> None:
    prepared, rehearsal = ready(model, context=context)
    heard = Heard(prepared, monkeypatch)
    for number in range(5):
        rehearsal.remember(turn("user", f"what is it number {number}", 3.0))
        heard.passes.clear()
        rest(prepared, rehearsal)
        assert (heard.passes[0][0] > 0) is (number > 0)  # only the rest of the prefix
        rehearsal.remember(turn("agent", f"this is the answer number {number}", 4.0, 24000))
        rest(prepared, rehearsal)


@pytest.mark.parametrize("pieces", [1, 20, 38, 40])
def test_opened_in_the_middle_of_it_a_reply_goes_on_from_there(model: Path, pieces: int) -> None:
    prepared, rehearsal = ready(model)
    for each in TURNS:
        rehearsal.remember(each)
    assert rest(prepared, rehearsal, pieces) == pieces  # and it is not over
    assert np.array_equal(spoken(prepared, reply(prepared, rehearsal)).codes, cold(model).codes)


def test_who_speaks_is_not_disturbed(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, rehearsal = ready(model, slots=2)
    alone = spoken(prepared, reply(prepared, rehearsal))
    speaking = reply(prepared, rehearsal)
    heard = Heard(prepared, monkeypatch)
    speaking.feed(TEXT)
    for each in TURNS:
        rehearsal.remember(each)
    rest(prepared, rehearsal)  # until the listener is behind, then there is time
    assert speaking.window.held
    rehearsal.remember(turn("agent", "and so on", 3.0))
    while rehearsal.step():
        pass
    before = len(heard.passes)
    speaking.finish()
    while not speaking.done:
        speaking.listen()
        prepared.scheduler.step()
        assert len(heard.passes) == before or speaking.done
    assert np.array_equal(speaking.codes, alone.codes)


def test_a_slot_that_is_wanted_is_given_up(model: Path) -> None:
    prepared, rehearsal = ready(model)
    for each in TURNS:
        rehearsal.remember(each)
    while rehearsal.step():
        pass
    assert prepared.scheduler.step()
    assert prepared.bundle.model.cache.filled == [BLOCK]
    speaking = reply(prepared, rehearsal)
    speaking.feed("Some words to say.")
    assert prepared.scheduler.step()
    assert prepared.bundle.model.cache.filled == [2 * BLOCK]
    assert prepared.scheduler.open_ones == [speaking]
    prepared.scheduler.close(speaking)
    assert not rest(prepared, rehearsal)
    assert prepared.bundle.model.cache.filled == [0]


def test_a_pass_that_fails_is_given_up(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, rehearsal = ready(model)
    rehearsal.remember(TURNS[0])
    while rehearsal.step():
        pass
    with monkeypatch.context() as patched:
        patched.setattr(prepared.bundle.model, "prefill", None)
        with pytest.raises(TypeError):
            prepared.scheduler.step()
        assert not prepared.scheduler.step()
    assert spoken(prepared, reply(prepared, rehearsal)).words
