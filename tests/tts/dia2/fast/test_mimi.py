"""Tests of the codec's step as a GPU captures it: called as it is here, it gives the same sound."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.tts.dia2.mimi.plain_mimi import TINY, random_mimi
from tts.dia2.fast.gpu import mimi_graph
from tts.dia2.fast.gpu.mimi_graph import FrameDecoder
from tts.transformer.capture import Capture


class Repeated(Capture):
    """Runs what it captures several times, as capturing does."""

    def __call__(self, run: Callable[[], object]) -> Callable[[], object]:
        for _ in range(3):
            run()
        return run


def test_frames_of_streams_that_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimi_graph, "Capture", Repeated)
    mimi, _ = random_mimi(**TINY)
    chance = np.random.default_rng(1)
    codes = chance.integers(0, TINY["codebook_size"], (3, mimi.codebooks, 40))
    wanted = [mimi.decode(torch.from_numpy(each)).numpy() for each in codes]
    decoder = FrameDecoder(mimi, 2)
    waves: list[list[NDArray[np.float32]]] = [[], [], []]
    speaking: list[int | None] = [0, 1]  # in each slot; the third follows on the first
    while any(each is not None for each in speaking):
        active = np.array([each is not None and chance.random() < 0.7 for each in speaking])
        frames = np.zeros((2, mimi.codebooks), np.int64)
        for slot, each in enumerate(speaking):
            if each is not None and active[slot]:
                frames[slot] = codes[each, :, len(waves[each])]
        out = decoder.step(frames, active)
        for slot, each in enumerate(speaking):
            if each is not None and active[slot]:
                waves[each].append(out[slot].copy())
                if len(waves[each]) == codes.shape[2]:
                    speaking[slot] = 2 if each == 0 else None
                    decoder.reset(slot)
    for wave, want in zip(waves, wanted, strict=True):
        np.testing.assert_allclose(np.concatenate(wave), want, atol=1e-4)


def test_without_a_graph_it_decodes_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> object:
        raise torch.AcceleratorError("CUDA error: operation not permitted\nmore")

    monkeypatch.setattr(Capture, "__call__", refuse)
    mimi, _ = random_mimi(**TINY)
    wave = FrameDecoder(mimi, 1).step(np.zeros((1, mimi.codebooks), np.int64), np.array([True]))
    assert wave.shape == (1, mimi.frame_size)
    assert "without a CUDA graph (CUDA error: operation not permitted)" in caplog.text
