"""What is faster here is tried once, and either way gives the same numbers."""

from pathlib import Path

import pytest
import torch

from bench.dia2_sizes import RandomWeights
from bench.dia2_sizes import config as size
from tests.tiny_dia2 import make
from tts import speed
from tts.dia2.dia2 import Dia2
from tts.dia2.fast import trial
from tts.dia2.fast.model import FastModel
from tts.dia2.network.config import Dia2Config

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was measured before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "dia2")


def model(config: Dia2Config, *, quantize: bool = False) -> FastModel:
    return FastModel(config, RandomWeights(config, CPU, torch.float32), quantize=quantize)


def logits(network: FastModel) -> torch.Tensor:
    hidden = torch.ones(1, 2, network.config.decoder.width)
    text = torch.zeros(1, 2, dtype=torch.int64)
    with torch.inference_mode():
        return network.next_codebook(0, hidden, text[:, 0], text, network.new_frame())


def test_a_small_network_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "keep", pytest.fail)
    assert model(size("tiny")).compiled is not None


@pytest.mark.parametrize("quantize", [False, True])
def test_what_was_slower_is_not_taken(monkeypatch: pytest.MonkeyPatch, quantize: bool) -> None:
    config = size("tiny")
    quick = logits(model(config, quantize=quantize))
    monkeypatch.setattr(trial, "SMALL", 0)
    monkeypatch.setattr(trial, "_loops", lambda *_, **__: 1.2)
    monkeypatch.setattr(trial, "_operations", lambda *_, **__: 1.0)
    slow = model(config, quantize=quantize)
    assert slow.compiled is None
    torch.testing.assert_close(logits(slow), quick, atol=0.05 if quantize else 1e-4, rtol=0)
    monkeypatch.setattr(trial, "_loops", pytest.fail)  # what was measured is kept
    assert model(config, quantize=quantize).compiled is None


@pytest.mark.parametrize("quantize", [False, True])
def test_both_are_tried(monkeypatch: pytest.MonkeyPatch, quantize: bool) -> None:
    monkeypatch.setattr(trial, "SMALL", 0)
    kept: list[float] = []
    monkeypatch.setattr(speed, "keep", lambda _, ratio: kept.append(ratio))
    compiled = model(size("tiny"), quantize=quantize).compiled
    (ratio,) = kept
    assert ratio > 0
    assert (compiled is not None) is (ratio <= 1)


def test_weights_that_a_frame_reads() -> None:
    """1B: 2.1 billion numbers a frame; bench.dia2 counts 8,480 MB with the cache."""
    config = size("1b")
    read = trial.backbone_weights(config)
    read += (config.codebooks - 1) * trial.stage_weights(config)
    assert 4 * read == pytest.approx(8.4e9, rel=0.03)


@pytest.mark.parametrize(("bandwidth", "quantized"), [(1e3, True), (1e15, False)])
def test_int8_where_float32_is_too_slow(
    folder: Path, monkeypatch: pytest.MonkeyPatch, bandwidth: float, quantized: bool
) -> None:
    monkeypatch.setattr(trial, "_bandwidth", lambda: bandwidth)
    loaded = Dia2.load(folder, device="cpu", quantize=None).model
    assert isinstance(loaded, FastModel)
    assert loaded.quantized is quantized


def test_other_numbers_are_left_as_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_bandwidth", lambda: 1e3)
    loaded = Dia2.load(folder, device="cpu", dtype="bfloat16", quantize=None).model
    assert not isinstance(loaded, FastModel)
