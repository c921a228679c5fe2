"""Tests of the model with kernels: the plain one's tokens, and the fused one where one fails."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.dia2_sizes import RandomWeights
from tests.tiny_dia2 import make
from tests.tts.dia2.exact import watch
from tests.tts.dia2.networks import load_model, make_sequence, words
from tts.dia2.fast.gpu import check
from tts.dia2.fast.gpu.graphs import Graphs
from tts.dia2.fast.gpu.kernels import project
from tts.dia2.fast.gpu.model import KernelModel
from tts.dia2.fast.model import FastModel
from tts.dia2.fast.select import kernel_model
from tts.dia2.network import config_json
from tts.dia2.network.model import Model, ReferenceModel
from tts.dia2.serving.graph_stepper import GraphStepper
from tts.dia2.serving.sequence import Sequence
from tts.dia2.serving.stepper import Stepper

pytestmark = pytest.mark.usefixtures("whole")
STEPS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("dia2"), codebooks=4, max_steps=40)


def kernels(folder: Path, *, slots: int = 1, quantize: bool = False) -> KernelModel:
    config = config_json.read(folder / "config.json")
    weights, cpu = folder / "model.safetensors", torch.device("cpu")
    model = KernelModel(
        config, weights, device=cpu, dtype=torch.float32, slots=slots, quantize=quantize
    )
    model.cache.keys.zero_()
    model.cache.values.zero_()
    return model


def selected(folder: Path) -> FastModel:
    """What is taken where kernels are asked for."""
    config, weights = config_json.read(folder / "config.json"), folder / "model.safetensors"
    return kernel_model(config, weights, device=torch.device("cpu"), dtype=torch.float32)


def begin(stepper: Stepper, seed: int) -> Sequence:
    """A sequence whose every step makes audio."""
    sequence = make_sequence(stepper.model.config, seed, published=True)
    sequence.machine.add(words(2, 1, 1))
    sequence.machine.close()
    stepper.admit(sequence)
    return sequence


def test_the_same_tokens(folder: Path) -> None:
    """In two slots, the second of which comes later."""
    models = load_model(folder, slots=2), kernels(folder, slots=2)
    runs = []
    with watch(*models) as draws:
        for model in models:
            stepper = Stepper(model)
            sequences = [begin(stepper, 3)]
            stepper.step()
            sequences.append(begin(stepper, 4))
            stepper.step()
            runs.append(sequences)
        for wanted, got in zip(*runs, strict=True):
            draws.same(got, wanted)


def test_the_same_tokens_in_graphs(folder: Path) -> None:
    plain, model = load_model(folder), kernels(folder)
    assert len(model.spans) == 1  # the cache is short
    steppers = Stepper(plain), GraphStepper(model, Graphs(model))
    sequences = []
    with watch(plain, model) as draws:
        for stepper in steppers:
            sequences.append(begin(stepper, 5))
            for _ in range(STEPS):
                stepper.step()
        draws.same(sequences[1], sequences[0])
    assert model.cache.lengths.tolist() == model.cache.filled == [STEPS]


def test_a_prefix_goes_on(folder: Path) -> None:
    """What is heard by the fused network is remembered by the kernels."""
    plain, model = load_model(folder), kernels(folder)
    tokens = torch.randint(20, (5, 2, 6), generator=torch.Generator().manual_seed(2))
    hidden = []
    with torch.inference_mode():
        for each in (plain, model):
            each.prefill(0, tokens[:4], torch.arange(4))
            hidden.append(each.step(tokens[4:], torch.tensor([4]), [True]))
    torch.testing.assert_close(hidden[1], hidden[0], rtol=0, atol=1e-4)


def stages(model: Model, hidden: Tensor) -> list[Tensor]:
    frame, text = model.new_frame(), torch.tensor([[9, 4]])
    return [
        model.next_codebook(stage, hidden, torch.tensor([5]), text, frame) for stage in range(2)
    ]


def test_what_no_published_checkpoint_uses(folder: Path) -> None:
    """The depformer's text, no positions in it, other activations."""
    config = config_json.read(folder / "config.json")
    depformer = replace(config.depformer, activations=("gelu", "relu"))
    odd = replace(config, depformer=depformer, depformer_text=True, depformer_rope=False)
    cpu, wide = torch.device("cpu"), torch.float32
    plain = ReferenceModel(odd, RandomWeights(odd, cpu, wide))
    model = KernelModel(odd, RandomWeights(odd, cpu, wide), device=cpu, dtype=wide)
    hidden = torch.randn((1, 2, odd.decoder.width), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        wanted, got = stages(plain, hidden), stages(model, hidden)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-4)


def test_int8_is_near(folder: Path) -> None:
    plain, model = load_model(folder), kernels(folder, quantize=True)
    first, second = model.depth[0][0], model.depth[1][0]
    assert first.wi.weight is second.wi.weight  # one MLP for all sets
    assert first.wi.weight.dtype == torch.int8
    hidden = torch.randn((1, 2, 64), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        wanted, got = stages(plain, hidden)[0], stages(model, hidden)[0]
    assert 0 < (got - wanted).norm() / wanted.norm() < 0.05


def test_a_sound_model_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "DRAWS", 2)
    model = selected(folder)
    assert type(model) is KernelModel
    model.cache.keys.zero_()
    assert check.find_fault(model) is None
    assert not model.cache.keys.any()


def test_without_a_kernel_that_is_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It says which, and speaks by the fused network."""
    right = project.project

    def wrong(x: Tensor, matrix: project.Matrix, **options: Any) -> Tensor:
        return right(x, matrix, **options) * (1.1 if "add" in options else 1)

    monkeypatch.setattr(project, "project", wrong)
    with caplog.at_level(logging.WARNING):
        model = selected(folder)
    assert type(model) is FastModel
    assert "backbone out for 2 rows is off by 10.0%" in caplog.text
    sequence = begin(Stepper(model), 3)
    assert not sequence.finished


def test_without_a_kernel_that_does_not_compile(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> Tensor:
        raise ValueError("no such\ninstruction")

    monkeypatch.setattr(project, "project", refuse)
    assert type(selected(folder)) is FastModel
    assert caplog.messages == [
        "Dia2 runs without its own GPU kernels, some times slower: "
        "after the kernels: ValueError: no such"
    ]
