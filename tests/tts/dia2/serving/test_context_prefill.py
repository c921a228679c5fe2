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
from tts.dia2.serving.context import ContextPrefill
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
    assert prepared.context_prefill is not None
    return prepared, prepared.context_prefill


def rest(prepared: Prepared, context_prefill: ContextPrefill, most: int = 1000) -> int:
    """What the engine's thread does with its time while nobody speaks: how many pieces it was."""
    pieces = 0
    while pieces < most and (prepared.scheduler.step() or context_prefill.step()):
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


def reply(prepared: Prepared, context_prefill: ContextPrefill) -> Listening:
    """An utterance as the engine opens it."""
    utterance = Listening(prepared)
    utterance.begin_with(context_prefill.prefilled())
    prepared.scheduler.open(utterance)
    return utterance


def spoken(prepared: Prepared, utterance: Listening) -> Listening:
    for fragment in fragments(TEXT, random.Random(1)):
        utterance.feed(fragment)
        prepared.scheduler.step()
    utterance.finish()
    run(prepared, utterance)
    return utterance


def cold(model: Path) -> Listening:
    """The reply of an engine that had no time at all."""
    prepared, context_prefill = ready(model)
    for each in TURNS:
        context_prefill.remember(each)
    return spoken(prepared, reply(prepared, context_prefill))


@pytest.mark.long
@pytest.mark.parametrize("slots", [1, 2])
def test_a_reply_hears_only_what_the_text_decides(
    model: Path, monkeypatch: pytest.MonkeyPatch, slots: int
) -> None:
    prepared, context_prefill = ready(model, slots=slots)
    heard = Heard(prepared, monkeypatch)
    begun = []
    for each in TURNS:
        context_prefill.remember(each)
        before = len(heard.passes)
        rest(prepared, context_prefill)
        begun.append(heard.passes[before][0])
    # A turn more: what is before it has been heard, in whole blocks.
    assert begun == [0, BLOCK, 2 * BLOCK]
    assert max(size for _, size in heard.passes) <= BLOCK
    heard.passes.clear()
    warm = spoken(prepared, reply(prepared, context_prefill))
    plan = context_prefill.prefilled()
    assert heard.passes == [(plan.window.common, plan.prefix.plan.frames - plan.window.common)]
    assert np.array_equal(warm.codes, cold(model).codes)
    assert np.array_equal(warm.pcm, cold(model).pcm)


@pytest.mark.parametrize("context", [2, 3, 100])
def test_what_a_turn_will_crowd_out_is_left_out_before_it_comes(
    model: Path, monkeypatch: pytest.MonkeyPatch, context: int
) -> None:
    prepared, context_prefill = ready(model, context=context)
    heard = Heard(prepared, monkeypatch)
    for number in range(5):
        context_prefill.remember(turn("user", f"what is it number {number}", 3.0))
        heard.passes.clear()
        rest(prepared, context_prefill)
        assert (heard.passes[0][0] > 0) is (number > 0)  # only the rest of the prefix
        context_prefill.remember(turn("agent", f"this is the answer number {number}", 4.0, 24000))
        rest(prepared, context_prefill)


@pytest.mark.long
@pytest.mark.parametrize("pieces", [1, 20, 38, 40])
def test_opened_in_the_middle_of_it_a_reply_goes_on_from_there(model: Path, pieces: int) -> None:
    prepared, context_prefill = ready(model)
    for each in TURNS:
        context_prefill.remember(each)
    assert rest(prepared, context_prefill, pieces) == pieces  # and it is not over
    assert np.array_equal(
        spoken(prepared, reply(prepared, context_prefill)).codes, cold(model).codes
    )


def test_who_speaks_is_not_disturbed(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, context_prefill = ready(model, slots=2)
    alone = spoken(prepared, reply(prepared, context_prefill))
    utterance = reply(prepared, context_prefill)
    heard = Heard(prepared, monkeypatch)
    utterance.feed(TEXT)
    for each in TURNS:
        context_prefill.remember(each)
    rest(prepared, context_prefill)  # until the listener is behind, then there is time
    assert utterance.window.held
    context_prefill.remember(turn("agent", "and so on", 3.0))
    while context_prefill.step():
        pass
    before = len(heard.passes)
    utterance.finish()
    while not utterance.done:
        utterance.listen()
        prepared.scheduler.step()
        assert len(heard.passes) == before or utterance.done
    assert np.array_equal(utterance.codes, alone.codes)


def test_a_slot_that_is_wanted_is_given_up(model: Path) -> None:
    prepared, context_prefill = ready(model)
    for each in TURNS:
        context_prefill.remember(each)
    while context_prefill.step():
        pass
    assert prepared.scheduler.step()
    assert prepared.bundle.model.cache.filled == [BLOCK]
    utterance = reply(prepared, context_prefill)
    utterance.feed("Some words to say.")
    assert prepared.scheduler.step()
    assert prepared.bundle.model.cache.filled == [2 * BLOCK]
    assert prepared.scheduler.open_ones == [utterance]
    prepared.scheduler.close(utterance)
    assert not rest(prepared, context_prefill)
    assert prepared.bundle.model.cache.filled == [0]


def test_a_pass_that_fails_is_given_up(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, context_prefill = ready(model)
    context_prefill.remember(TURNS[0])
    while context_prefill.step():
        pass
    with monkeypatch.context() as patched:
        patched.setattr(prepared.bundle.model, "prefill", None)
        with pytest.raises(TypeError):
            prepared.scheduler.step()
        assert not prepared.scheduler.step()
    assert spoken(prepared, reply(prepared, context_prefill)).words
