"""Tests of the fast network: the readable one's numbers, tokens and independence of slots."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from bench.dia2_sizes import RandomWeights
from bench.dia2_verify.__main__ import verify
from tests.paths import GOLDENS
from tests.tiny_dia2 import make
from tests.tts.dia2.exact import watch
from tests.tts.dia2.networks import load_model, make_sequence, words
from tts.dia2.dia2 import Dia2
from tts.dia2.engine import Dia2Speech
from tts.dia2.fast.model import FastModel
from tts.dia2.fast.select import select_model
from tts.dia2.network import config_json
from tts.dia2.network.model import Model, ReferenceModel
from tts.dia2.serving.sequence import Sequence
from tts.dia2.serving.stepper import Stepper
from tts.protocol import TextToSpeechError
from tts.transformer import linear

RECORDED = load_file(GOLDENS / "a32/net.safetensors")
CPU = torch.device("cpu")
TOKENS, POSITIONS = RECORDED["tokens_in"].long(), RECORDED["positions"][:, 0].long()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("dia2"), codebooks=4)


def fast(folder: Path, *, slots: int = 1, branches: int = 2, quantize: bool = False) -> FastModel:
    config = config_json.read(folder / "config.json")
    weights = folder / "model.safetensors"
    return FastModel(config, weights, slots=slots, branches=branches, quantize=quantize)


def speak(model: Model, seed: int, slots: list[int]) -> list[Sequence]:
    """Takes of one text and several seeds, begun one after the other, to their ends."""
    stepper, sequences = Stepper(model), []
    waiting = [make_sequence(model.config, seed + n) for n in slots]
    for sequence in waiting:
        sequence.machine.add(words(2, 3, 1))
        sequence.machine.close()
    while waiting or any(stepper.sequences):
        if waiting:
            sequences.append(waiting.pop(0))
            stepper.admit(sequences[-1])
        stepper.step()
        for slot, each in enumerate(stepper.sequences):
            if each is not None and each.finished:
                stepper.release(slot)
    return sequences


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """The shortest ones."""
    (tmp_path / "a32").mkdir()
    names = ["config.json", "info.json", "model.safetensors", "net.safetensors"]
    names += ["trace_empty.json", "trace_empty.safetensors"]
    for name in names:
        shutil.copy(GOLDENS / "a32" / name, tmp_path / "a32")
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize("small", [0, linear.SMALL])
def test_what_was_recorded(recordings: Path, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether its matrices are packed or, as these are, too small for that."""
    monkeypatch.setattr(linear, "SMALL", small)
    rows = list(verify(recordings, parts=("network", "runs"), network="fast", graphs=small == 0))
    assert {row.verdict for row in rows} == {"ok"}
    assert {"hidden states", "depth transformer: dep_logits", "tokens drawn"} <= {
        row.what for row in rows
    }


@pytest.mark.long
def test_int8_is_near_what_was_recorded(recordings: Path) -> None:
    rows = list(verify(recordings, parts=("network", "runs"), network="int8"))
    assert not [row for row in rows if row.verdict == "MISS"]
    others = [row for row in rows if row.what == "tokens drawn otherwise"]
    assert others
    for row in others:
        other, _, total = row.difference.partition(" of ")
        assert 0 < int(other) < int(total) / 5


def test_the_same_tokens_as_the_readable_network(folder: Path) -> None:
    readable, model = load_model(folder), fast(folder)
    with watch(readable, model) as draws:
        (plain,), (quick,) = speak(readable, 3, [0]), speak(model, 3, [0])
    draws.same(quick, plain)


@pytest.mark.long
@pytest.mark.parametrize("quantize", [False, True])
def test_slots_do_not_hear_each_other(folder: Path, quantize: bool) -> None:
    """To the last token, also where all rows go through one quantiser."""
    many, one = fast(folder, slots=3, quantize=quantize), fast(folder, quantize=quantize)
    with watch(many, one) as draws:
        for number, sequence in enumerate(speak(many, 5, [0, 1, 2])):
            (alone,) = speak(one, 5, [number])
            draws.same(sequence, alone)


def test_a_prefill_is_the_same_as_steps() -> None:
    model = fast(GOLDENS / "a32")
    with torch.inference_mode():
        model.prefill(0, TOKENS[:20], POSITIONS[:20])
        later = [
            model.step(column[None], place[None], [True])[0]
            for column, place in zip(TOKENS[20:], POSITIONS[20:], strict=True)
        ]
    torch.testing.assert_close(torch.stack(later), RECORDED["hidden"][20:], rtol=0, atol=1e-4)


def test_without_guidance(folder: Path) -> None:
    column = torch.full((1, 2, 6), 9)
    with torch.inference_mode():
        both = fast(folder).step(column, torch.zeros(1, dtype=torch.int64), [True])
        one = fast(folder, branches=1).step(column[:, :1], torch.zeros(1).long(), [True])
    torch.testing.assert_close(one, both[:, :1], rtol=0, atol=1e-5)


def test_the_depformer_s_text_and_other_activations(folder: Path) -> None:
    """What no published checkpoint uses."""
    config = config_json.read(folder / "config.json")
    depformer = replace(config.depformer, activations=("gelu", "relu"))
    odd = replace(config, depformer=depformer, depformer_text=True, depformer_rope=False)
    plain = ReferenceModel(odd, RandomWeights(odd, CPU, torch.float32))
    quick = FastModel(odd, RandomWeights(odd, CPU, torch.float32))
    hidden, text = torch.randn(1, 2, odd.decoder.width), torch.tensor([[9, 4]])
    with torch.inference_mode():
        for model in (plain, quick):
            frame = model.new_frame()
            logits = [
                model.next_codebook(stage, hidden, torch.tensor([5]), text, frame)
                for stage in range(odd.codebooks - 1)
            ]
            if model is plain:
                wanted = logits
    for got, want in zip(logits, wanted, strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-4)


@pytest.mark.anyio
async def test_an_engine_in_int8(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = Dia2Speech(model=str(folder), device="cpu", quantize="int8", seed=1)
    await engine.load()
    async with engine.open() as utterance:
        await utterance.feed("one two three four five")
        await utterance.finish()
        spoken = [piece.pcm async for piece in utterance]
    await engine.aclose()
    assert sum(len(pcm) for pcm in spoken) > 1920 * 10
    assert "int8" not in caplog.text


def test_int8_is_for_a_cpu_in_float32(folder: Path) -> None:
    with pytest.raises(TextToSpeechError, match="float32"):
        Dia2.load(folder, device="cpu", dtype="bfloat16", quantize=True)


def test_int8_on_a_gpu_needs_triton(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    for name in [each for each in sys.modules if each.startswith("tts.dia2.fast.gpu.")]:
        monkeypatch.delitem(sys.modules, name)
    config = config_json.read(folder / "config.json")
    with pytest.raises(TextToSpeechError, match="need Triton"):
        select_model(
            config,
            folder / "model.safetensors",
            device="cuda",
            dtype=torch.bfloat16,
            quantize=True,
        )


def matrix(outputs: int, inputs: int) -> Tensor:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("quantize", "off"), [(False, 1e-5), (True, 0.2)])
@pytest.mark.parametrize("small", [0, 1 << 17])
def test_packed_matrices(
    quantize: bool, off: float, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "SMALL", small)
    weight, x, y = matrix(48, 32), matrix(3, 32), matrix(3, 48)
    packed = linear.pack(weight, quantize=quantize)
    torch.testing.assert_close(packed(x), x @ weight.T, rtol=0, atol=off)
    torch.testing.assert_close(packed.add(x, y), y + x @ weight.T, rtol=0, atol=off)
    assert packed.bytes == weight.numel() * (1 if quantize else 4)


def test_an_int8_row_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = linear.pack(matrix(48, 32), quantize=True)
    x = matrix(4, 32) * torch.tensor([[1.0], [100.0], [0.0], [1e-3]])
    rows = torch.cat([packed(row[None]) for row in x])
    assert torch.equal(packed(x), rows)
    assert torch.equal(rows[2], torch.zeros(48))
    monkeypatch.delattr(torch, "quantize_per_channel")
    with pytest.raises(TextToSpeechError, match="int8"):
        linear.pack(matrix(48, 32), quantize=True)
