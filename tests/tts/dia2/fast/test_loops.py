"""Tests of the compiled loops: the readable network's logits and draws, whatever the sizes."""

import sys
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bench.dia2_sizes import RandomWeights
from tests.tiny_dia2 import make
from tests.tts.dia2.exact import Call, calls, part
from tts.dia2.fast.cpu import depformer as compiled
from tts.dia2.fast.cpu.draw_loops import CompiledSampler
from tts.dia2.fast.model import FastModel
from tts.dia2.network import config_json
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.model import Model, ReferenceModel
from tts.dia2.network.sampling import (
    ACTION,
    FIRST_CODEBOOK,
    Sampler,
    Sampling,
    random_numbers,
)
from tts.transformer.cpu.loops import kept

CPU = torch.device("cpu")
SETTINGS = [
    Sampling(),
    Sampling(audio_temperature=0),
    Sampling(scale=1, audio_top_k=3),
    Sampling(filter_k=0, audio_top_k=0),
    Sampling(scale=0.3, filter_k=9, audio_top_k=4, audio_temperature=3.0),
]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Dia2Config:
    """Sizes that are multiples of nothing, two weight sets, and what no checkpoint uses."""
    folder = make(tmp_path_factory.mktemp("dia2"), codebooks=5)
    config = config_json.read(folder / "config.json")
    odd = replace(config.depformer, width=30, hidden=21, heads=3, kv_heads=3, head_dim=10, layers=2)
    return replace(config, depformer=odd, schedule=(0, 0, 7, 7))


def pair(config: Dia2Config, slots: int = 1, branches: int = 2) -> tuple[Model, FastModel]:
    """The readable network and the compiled one, with the same weights."""
    made = [
        kind(config, RandomWeights(config, CPU, torch.float32), slots=slots, branches=branches)
        for kind in (ReferenceModel, FastModel)
    ]
    assert isinstance(made[1], FastModel)
    return made[0], made[1]


def inputs(model: Model, slots: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(slots)
    hidden = torch.randn(slots, model.branches, model.config.decoder.width)
    return hidden, torch.randint(4, 20, (slots, 2))


@torch.inference_mode()
def logits(model: Model, slots: int) -> Tensor:
    """Of all stages, after the same tokens."""
    hidden, text = inputs(model, slots)
    frame = model.new_frame(slots)
    previous = torch.arange(slots) + 1
    stages = range(model.config.codebooks - 1)
    return torch.stack(
        [model.next_codebook(stage, hidden, previous, text, frame) for stage in stages]
    )


@pytest.mark.parametrize("branches", [1, 2])
@pytest.mark.parametrize("unusual", [False, True])
def test_the_readable_network_s_logits(config: Dia2Config, branches: int, unusual: bool) -> None:
    """Also with what no published checkpoint has: text, no turning, other activations."""
    activations = ("gelu", "relu") if unusual else ("silu", "linear")
    depformer = replace(config.depformer, activations=activations)
    odd = replace(config, depformer=depformer, depformer_rope=not unusual, depformer_text=unusual)
    plain, quick = pair(odd, slots=3, branches=branches)
    assert quick.compiled is not None
    for slots in (1, 3):
        torch.testing.assert_close(logits(quick, slots), logits(plain, slots), rtol=0, atol=2e-5)


def column(model: Model, sampler: Sampler, hidden: Tensor, text: Tensor) -> list[Call]:
    steps = torch.arange(len(hidden)) + 2
    with torch.inference_mode():
        drawn = model.column(hidden, text, sampler, steps)
    return calls(model, (hidden, text), sampler, steps, drawn)


def same(got: list[Call], want: list[Call]) -> None:
    for one, other in zip(got, want, strict=True):
        part(one, other)


def sampler(
    config: Dia2Config,
    settings: list[Sampling],
    seed: int,
    kind: type[Sampler] = CompiledSampler,
) -> Sampler:
    forbidden = (config.audio_pad, config.audio_bos)
    made = kind(len(settings), 40, config.codebooks, forbidden, CPU)
    for slot, each in enumerate(settings):
        made.assign(slot, each, random_numbers(seed + slot, 40, config.codebooks))
    return made


def test_the_same_draws(config: Dia2Config) -> None:
    """Each slot by its own settings, and those alone."""
    plain, quick = pair(config, slots=len(SETTINGS))
    for seed in range(20):
        hidden, text = inputs(plain, len(SETTINGS))
        draws = sampler(config, SETTINGS, seed)
        together = column(quick, draws, hidden + seed, text)
        same(together, column(plain, draws, hidden + seed, text))
    # Rows in pairs: the last of three is multiplied alone, and is the same.
    alone = sampler(config, SETTINGS[-1:], seed + len(SETTINGS) - 1)
    last = quick.column(hidden[-1:] + seed, text[-1:], alone, torch.tensor([len(SETTINGS) + 1]))
    assert last[0].tolist() == together[-1].tokens


@pytest.mark.parametrize("draw", [ACTION, FIRST_CODEBOOK, FIRST_CODEBOOK + 1])
@pytest.mark.parametrize("ties", [False, True])
def test_a_draw_alone(config: Dia2Config, draw: int, ties: bool) -> None:
    """Also where much is equal, ids are forbidden, and without guidance."""
    made = [sampler(config, SETTINGS, 7, kind) for kind in (CompiledSampler, Sampler)]
    steps, numbers = torch.arange(len(SETTINGS)) + 1, torch.Generator().manual_seed(draw)
    for branches in (1, 2, 2, 2):
        shape = (len(SETTINGS), branches, config.audio_vocab)
        logits = 3 * torch.randn(shape, generator=numbers)
        logits[..., config.audio_bos] = 9  # never the first codebook's
        logits = logits.round() if ties else logits
        got, wanted = (each.sample(logits, draw, steps) for each in made)
        assert torch.equal(got, wanted)
        assert (config.audio_bos in got.tolist()) == (draw != FIRST_CODEBOOK)


def test_what_is_no_number_is_left_to_the_sampler(config: Dia2Config) -> None:
    plain, quick = pair(config)
    hidden, text = inputs(plain, 1)
    hidden[:, 0] = torch.nan
    draws = sampler(config, SETTINGS[:1], 1)
    (got,), (wanted,) = (column(model, draws, hidden, text) for model in (quick, plain))
    assert got.tokens == wanted.tokens


def test_int8_is_near(config: Dia2Config) -> None:
    plain, _ = pair(config, slots=3)
    weights = RandomWeights(config, CPU, torch.float32)
    small = FastModel(config, weights, slots=3, quantize=True)
    wanted, got = logits(plain, 3), logits(small, 3)
    error = (got - wanted).square().mean().sqrt() / wanted.square().mean().sqrt()
    assert 1e-4 < float(error) < 0.03


def test_two_threads_draw_what_one_does(
    config: Dia2Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "LARGE", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    weights = RandomWeights(config, CPU, torch.float32)
    model = FastModel(config, weights, slots=3, quantize=True)
    hidden, text = inputs(model, 3)
    draws = sampler(config, SETTINGS[:3], 1)
    # Each way is taken now and then.
    columns = [[each.tokens for each in column(model, draws, hidden, text)] for _ in range(40)]
    assert all(each == columns[0] for each in columns)
    assert "loop-helper" not in [each.name for each in threading.enumerate()]


def test_without_numba(config: Dia2Config, monkeypatch: pytest.MonkeyPatch) -> None:
    _, quick = pair(config)
    monkeypatch.delattr("tts.dia2.fast.cpu.depformer")
    monkeypatch.setitem(sys.modules, "tts.dia2.fast.cpu.depformer", None)
    _, slow = pair(config)
    assert (quick.compiled is None, slow.compiled is None) == (False, True)
    hidden, text = inputs(slow, 1)
    draws = sampler(config, SETTINGS[:1], 3)
    same(column(slow, draws, hidden, text), column(quick, draws, hidden, text))


def test_where_nothing_can_be_kept() -> None:
    """A function of no file, as if no folder could be written to."""
    names: dict[str, Callable[[int], int]] = {}
    exec("def twice(x):\n    return x + x", names)
    assert kept(names["twice"])(4) == 8
