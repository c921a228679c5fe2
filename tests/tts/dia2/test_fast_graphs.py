"""Tests of the steps that a GPU captures: called as they are here, they draw the same tokens."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.tiny_dia2 import make
from tests.tts.dia2.networks import load_model, make_take, words
from tts.dia2.config import Dia2Config
from tts.dia2.fast import graphs
from tts.dia2.fast.graphs import GraphStepper
from tts.dia2.fast.model import FastModel
from tts.dia2.model import Model
from tts.dia2.sampling import Sampling
from tts.dia2.stepper import Stepper
from tts.dia2.take import Take


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("dia2"), codebooks=4)


def fast(folder: Path, slots: int, dtype: torch.dtype = torch.float32) -> Model:
    config = Dia2Config.from_file(folder / "config.json")
    return FastModel(config, folder / "model.safetensors", slots=slots, dtype=dtype)


def blank(model: Model) -> None:
    """What a mask hides is still multiplied by nought: on a GPU a cache starts with zeros."""
    model.cache.keys.zero_()
    model.cache.values.zero_()


def take(model: Model, seed: int) -> Take:
    """Different texts, settings and lengths."""
    sampling = [Sampling(), Sampling(audio_temperature=0), Sampling(scale=1)][seed % 3]
    made = make_take(model.config, seed, sampling=sampling)
    made.machine.add(words(*[1 + seed % 3] * (1 + seed)))
    made.machine.close()
    return made


def joining(stepper: Stepper, count: int) -> list[Take]:
    """Takes that come and go at odd times; the second one is broken off."""
    chance, takes = random.Random(1), [take(stepper.model, seed) for seed in range(count)]
    waiting = list(takes)
    while waiting or any(stepper.takes):
        while waiting and stepper.free and chance.random() < 0.3:
            stepper.admit(waiting.pop(0))
        stepper.step()
        for slot, each in enumerate(stepper.takes):
            if each is not None and (each.finished or (each is takes[1] and each.step == 12)):
                stepper.release(slot)
    return takes


@pytest.mark.parametrize("kind", ["plain", "fast"])
def test_the_same_tokens(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "SHORTEST", 16)  # so that the cache outgrows graphs
    make_model: Callable[..., Model] = load_model if kind == "plain" else fast
    wanted = joining(Stepper(load_model(folder, slots=3)), 6)
    model = make_model(folder, slots=3)
    blank(model)
    stepper = GraphStepper(model)
    assert stepper.widths == [1, 2, 3]
    assert stepper.lengths[:3] == [16, 32, 64]
    for got, want in zip(joining(stepper, 6), wanted, strict=True):
        assert got.step == want.step
        assert (got.grid == want.grid).all()
    assert stepper.model.cache.filled == stepper.model.cache.lengths.tolist() == [0, 0, 0]


def test_capturing_is_replayed_from_the_first_step(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Capturing runs a graph's function several times: no slot may have moved by that."""

    class Capturing(graphs.Captured):
        def __init__(self, run: Callable[[], None], device: torch.device) -> None:
            super().__init__(run, device)
            for _ in range(3):
                run()

    wanted = joining(Stepper(fast(folder, 2)), 2)
    monkeypatch.setattr(graphs, "Captured", Capturing)
    model = fast(folder, 2)
    blank(model)
    for got, want in zip(joining(GraphStepper(model), 2), wanted, strict=True):
        assert (got.grid == want.grid).all()


def test_bfloat16_is_near(folder: Path) -> None:
    wide, half = load_model(folder), fast(folder, 1, torch.bfloat16)
    column, place = torch.full((1, 2, 6), 9), torch.zeros(1, dtype=torch.int64)
    with torch.inference_mode():
        states = [model.step(column, place, [True]) for model in (wide, half)]
        logits = [
            model.next_codebook(0, state, place, torch.tensor([[9, 4]]), model.new_frame())
            for model, state in zip((wide, half), states, strict=True)
        ]
    assert states[1].dtype == torch.bfloat16
    assert logits[1].dtype == torch.float32
    torch.testing.assert_close(states[1].float(), states[0], rtol=0, atol=0.1)
    torch.testing.assert_close(logits[1], logits[0], rtol=0, atol=0.1)
