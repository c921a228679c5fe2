"""Tests of a draw in one kernel: the sampler's tokens, also where much is equal or nothing is."""

import math

import pytest
import torch
from torch import Tensor

from tts.dia2.fast.gpu.kernels.draw import Next, draw
from tts.dia2.network.sampling import ACTION, FIRST_CODEBOOK, Sampler, Sampling, random_numbers

SETTINGS = [
    Sampling(),
    Sampling(text_temperature=0, audio_temperature=0),
    Sampling(scale=1, audio_top_k=5, text_top_k=1),
    Sampling(filter_k=0, audio_top_k=0),
    Sampling(scale=3.5, filter_k=7, audio_top_k=3),
    Sampling(scale=0.3, filter_k=500, audio_top_k=1000),
    Sampling(filter_k=1),
    Sampling(audio_temperature=1e-9),
]
SLOTS = len(SETTINGS)


@pytest.fixture
def sampler() -> Sampler:
    made = Sampler(SLOTS, 4, 3, (20, 19), torch.device("cpu"))
    for slot, each in enumerate(SETTINGS):
        made.assign(slot, each, random_numbers(slot, 4, 3))
    return made


def drawn(sampler: Sampler, logits: Tensor, number: int) -> Tensor:
    """By the kernel; the sampler says the same."""
    steps = (torch.arange(2 * len(logits)) % 4)[::2]  # as they come: apart in memory
    tokens = torch.full((len(logits), 3), -1)
    draw(sampler, logits, number, steps, tokens, 1)
    assert (tokens[:, ::2] == -1).all()
    wanted = sampler.sample(logits, number, steps)
    assert tokens[:, 1].tolist() == wanted.tolist()
    return wanted


@pytest.mark.parametrize(
    ("number", "vocabulary"), [(ACTION, 2), (FIRST_CODEBOOK, 21), (FIRST_CODEBOOK + 1, 19)]
)
@pytest.mark.parametrize("ties", [False, True])
def test_as_the_sampler(
    sampler: Sampler, number: int, vocabulary: int, ties: bool, numbers: torch.Generator
) -> None:
    logits = 3 * torch.randn((SLOTS, 2, vocabulary), generator=numbers)
    drawn(sampler, logits.round() if ties else logits, number)


def test_what_is_no_number(sampler: Sampler, numbers: torch.Generator) -> None:
    logits = torch.randn((4, 2, 21), generator=numbers)
    logits[0] = -math.inf
    logits[1] = math.nan
    logits[2, 0, 7] = math.inf
    logits[3, 0] = -math.inf
    sampler.temperature[:] = 0.7
    assert drawn(sampler, logits, FIRST_CODEBOOK + 1).tolist() == [0, 0, 0, 0]


def test_without_guidance(sampler: Sampler, numbers: torch.Generator) -> None:
    drawn(sampler, torch.randn((4, 1, 21), generator=numbers), FIRST_CODEBOOK)


def test_the_next_embedding(sampler: Sampler, numbers: torch.Generator) -> None:
    logits = torch.randn((2, 2, 21), generator=numbers)
    start = torch.randn((4, 18), generator=numbers)[:, 5:11]
    table = torch.randn((21, 6), generator=numbers)
    tokens, x = torch.zeros((2, 1), dtype=torch.int64), torch.empty((4, 6))
    draw(sampler, logits, 1, torch.zeros(2).long(), tokens, 0, Next(x, start, table))
    assert len(set(tokens[:, 0].tolist())) == 2
    torch.testing.assert_close(x, start + table[tokens[:, 0]].repeat_interleave(2, 0))
