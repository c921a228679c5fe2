"""Takes in slots: the same as alone, whoever is beside them, in graphs, in int8."""

import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.tts.dia.models import load_model
from tts import TextToSpeechError
from tts.dia.graphs import Graphs, GraphStepper, capture, new_stepper
from tts.dia.network.delays import Codes
from tts.dia.network.model import Model
from tts.dia.network.sampling import Sampling
from tts.dia.stepper import Stepper
from tts.dia.take import Take
from tts.dia.tokenizer import to_bytes

TEXTS = ["[S1] Hello there. [S2]", "[S1] Well, this one is longer. [S2] Is it? [S1]", "[S1] Hm."]


@pytest.fixture(scope="module")
def several() -> Model:
    return load_model(slots=3)


@pytest.fixture(scope="module")
def one() -> Model:
    return load_model()


def take(model: Model, number: int, *, prompt: bool = False, longest: int = 30) -> Take:
    numbers = np.random.default_rng(number).integers(0, model.config.eos, (40, 5))
    return Take(
        model.config,
        to_bytes(TEXTS[number]),
        prompt=numbers.astype(np.int32) if prompt else None,
        sampling=Sampling(scale=3 - number, top_k=20) if number < 2 else Sampling(temperature=0),
        seed=number,
        longest=longest,
    )


def alone(model: Model, each: Take) -> Codes:
    """The codes of a take that is spoken by itself."""
    stepper = Stepper(model)
    slot = stepper.admit(each)
    frames = []
    while not each.finished:
        assert stepper.step()
        frames.append(each.frames())
    assert not stepper.step()
    stepper.release(slot)
    return np.concatenate(frames)


def wanted(model: Model, *, prompt: bool) -> list[list[list[int]]]:
    return [alone(model, take(model, n, prompt=prompt)).tolist() for n in range(3)]


@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize("make", [Stepper, lambda model: GraphStepper(model, Graphs(model))])
def test_takes_beside_each_other_are_the_same_as_alone(
    several: Model, one: Model, make: Callable[[Model], Stepper], *, prompt: bool
) -> None:
    stepper, takes = make(several), [take(several, n, prompt=prompt) for n in range(3)]
    slots = [stepper.admit(takes[0])]
    for _ in range(7):
        stepper.step()
    slots += [stepper.admit(each) for each in takes[1:]]
    assert not stepper.free
    with pytest.raises(TextToSpeechError, match="all 3 slots"):
        stepper.admit(take(several, 0))
    while not all(each.finished for each in takes):
        assert stepper.step()
    assert [each.codes.tolist() for each in takes] == wanted(one, prompt=prompt)
    for slot in slots:
        stepper.release(slot)


def test_a_slot_forgets_what_was_spoken_in_it(one: Model) -> None:
    first = alone(one, take(one, 1)).tolist()
    stepper, dropped = Stepper(one), take(one, 0, prompt=True)
    slot = stepper.admit(dropped)
    for _ in range(9):
        stepper.step()
    stepper.release(slot)
    assert alone(one, take(one, 1)).tolist() == first


def test_a_long_prompt_is_fed_in_pieces(one: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = alone(one, take(one, 0, prompt=True)).tolist()
    monkeypatch.setattr("tts.dia.stepper.CHUNK", 16)
    each, stepper = take(one, 0, prompt=True), Stepper(one)
    slot, filled = stepper.admit(each), []
    while not each.step:
        stepper.step()
        filled.append(one.cache.filled[0])
    stepper.release(slot)
    assert filled == [0, 16, 32, 41]
    assert alone(one, take(one, 0, prompt=True)).tolist() == whole


def test_guidance_needs_its_branch(one: Model) -> None:
    single = load_model(branches=1)
    with pytest.raises(TextToSpeechError, match="loaded without guidance"):
        Stepper(single).admit(take(single, 0))
    plain = Take(single.config, b"\x01 Hm.", sampling=Sampling(scale=1), seed=3, longest=20)
    same = Take(one.config, b"\x01 Hm.", sampling=Sampling(scale=1), seed=3, longest=20)
    assert alone(single, plain).tolist() == alone(one, same).tolist()


def test_seeds(one: Model) -> None:
    def codes(seed: int) -> Codes:
        return alone(one, Take(one.config, b"\x01 Hm.", seed=seed, longest=20))

    assert codes(1).tolist() == codes(1).tolist()
    assert codes(1).tolist() != codes(2).tolist()


def test_int8_is_near(one: Model) -> None:
    small = load_model(quantize=True)
    for model in (one, small):
        model.release(0)
        model.hear(0, to_bytes(TEXTS[0]))
    rows = torch.full((6, 5), 66)
    exact, rough = (model.prefill(0, rows) for model in (one, small))
    assert 0 < (exact - rough).abs().max() < 0.1 * exact.std() * 5
    assert torch.nn.functional.cosine_similarity(exact.flatten(), rough.flatten(), 0) > 0.999


def stepped(model: Model, active: list[bool]) -> torch.Tensor:
    """The logits of a few steps of each slot, as it is active."""
    for slot in range(model.slots):
        model.release(slot)
        model.hear(slot, to_bytes(TEXTS[slot]))
    rows = torch.arange(5) + 40 + torch.arange(model.slots)[:, None]
    model.step(rows, [True] * model.slots)
    return torch.stack([model.step(rows + each, active) for each in range(6)])


def test_a_step_in_int8_is_near(one: Model) -> None:
    exact, rough = (stepped(model, [True]) for model in (one, load_model(quantize=True)))
    assert 0 < (exact - rough).abs().max() < 0.1 * exact.std() * 5
    assert torch.nn.functional.cosine_similarity(exact.flatten(), rough.flatten(), 0) > 0.999


def test_a_step_in_int8_is_that_of_pytorch_s_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled or not, with a second thread or not, and whoever stands beside it."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    compiled = load_model(slots=3, quantize=True)
    monkeypatch.delattr("tts.dia.network.compiled", raising=False)
    monkeypatch.setitem(sys.modules, "tts.dia.network.compiled", None)
    plain = load_model(slots=3, quantize=True)
    assert plain.compiled is None
    all_three, wanted = (stepped(each, [True] * 3) for each in (compiled, plain))
    similar = torch.nn.functional.cosine_similarity(all_three, wanted, -1)
    assert float(similar.min()) > 0.99
    assert float(similar.mean()) > 0.999
    assert torch.equal(stepped(compiled, [False, True, False])[:, 1], all_three[:, 1])
    assert compiled.cache.filled == compiled.cache.lengths.tolist() == [1, 7, 1]
    assert "loop-helper" not in [each.name for each in threading.enumerate()]


def test_graphs_are_for_gpus(one: Model) -> None:
    assert capture(one) is None
    assert type(new_stepper(one)) is Stepper
    graphs = Graphs(one)
    assert len(graphs) == len(one.spans)
    assert type(new_stepper(one, graphs)) is GraphStepper
