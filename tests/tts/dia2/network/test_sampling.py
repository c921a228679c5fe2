"""Tests of sampling: the recorded filters and distributions, and that slots do not meet."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bench.dia2_verify.sampling import check_sampling
from tests.paths import GOLDENS
from tts.dia2.network.sampling import (
    ACTION,
    FIRST_CODEBOOK,
    Sampler,
    Sampling,
    distribution,
    forbid,
    guide,
    random_numbers,
)
from tts.transformer.draws import pick

WARM = Sampling(0.6, 0, 0.8, 12, scale=2.0, filter_k=15)


def test_the_recorded_cases() -> None:
    rows = list(check_sampling(GOLDENS, torch.device("cpu")))
    assert len(rows) == 8
    assert [row for row in rows if row.verdict != "ok"] == []


def random_logits(slots: int, branches: int = 2, tokens: int = 20, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((slots, branches, tokens), generator=generator) * 3


def sampler(*settings: Sampling, forbidden: tuple[int, ...] = ()) -> Sampler:
    made = Sampler(len(settings), 50, 3, forbidden, torch.device("cpu"))
    for slot, each in enumerate(settings):
        made.assign(slot, each, random_numbers(slot, 50, 3))
    return made


def test_guidance_selects_and_the_conditional_logits_are_kept() -> None:
    logits = torch.tensor([[[3.0, 2.0, 1.0, 0.0], [3.0, 0.0, 0.0, 2.0]]])
    guided = torch.tensor([3.0, 4.0, 2.0, -2.0])  # at a scale of 2
    kept = guide(logits, torch.tensor([2.0]), torch.tensor([2]))
    wanted = logits[0, 0].masked_fill(guided < 3, -math.inf)
    assert torch.equal(kept[0], wanted)


@pytest.mark.parametrize(("scale", "k"), [(1.0, 1), (2.0, 0), (2.0, 99)])
def test_without_guidance_everything_stays(scale: float, k: int) -> None:
    logits = random_logits(1)
    assert torch.equal(guide(logits, torch.tensor([scale]), torch.tensor([k])), logits[:, 0])
    assert torch.equal(guide(logits[:, :1], torch.tensor([scale]), torch.tensor([k])), logits[:, 0])


def test_exactly_k_are_kept_even_if_they_tie() -> None:
    p = distribution(torch.zeros(1, 9), torch.tensor([1.0]), torch.tensor([4]))
    assert p.tolist() == [[0.25] * 4 + [0.0] * 5]


def test_forbidden_ids_win_only_where_nothing_else_is_left() -> None:
    logits = torch.full((1, 6), -math.inf)
    logits[0, 4:] = torch.tensor([0.5, 9.0])
    only = distribution(forbid(logits, (4, 5)), torch.tensor([1.0]), torch.tensor([0]))
    assert only.tolist() == [[0, 0, 0, 0, 0.5, 0.5]]
    logits[0, 2] = -50.0
    left = distribution(forbid(logits, (4, 5)), torch.tensor([1.0]), torch.tensor([0]))
    assert left.tolist() == [[0, 0, 1, 0, 0, 0]]


def test_a_token_is_as_likely_as_its_probability() -> None:
    p = torch.tensor([[0.1, 0.0, 0.6, 0.3]])
    numbers = torch.arange(1000, dtype=torch.float64) / 1000
    drawn = torch.stack([pick(p, number[None])[0] for number in numbers])
    counts = torch.bincount(drawn, minlength=4)
    assert (counts - 1000 * p[0]).abs().max() <= 1
    assert counts[1] == 0


def test_a_slot_s_draws_do_not_depend_on_the_others() -> None:
    settings = (
        WARM,
        Sampling(0.0, 5, 0.0, 0, scale=1.0),
        replace(WARM, scale=4.0, filter_k=3, audio_top_k=2),
    )
    logits = random_logits(3)
    steps = torch.tensor([4, 9, 30])
    together = sampler(*settings, forbidden=(3,))
    for draw in (ACTION, FIRST_CODEBOOK, 2, 3):
        drawn = together.sample(logits, draw, steps)
        for slot, each in enumerate(settings):
            alone = Sampler(1, 50, 3, (3,), torch.device("cpu"))
            alone.assign(0, each, random_numbers(slot, 50, 3))
            token = alone.sample(logits[slot : slot + 1], draw, steps[slot : slot + 1])
            assert token == drawn[slot]


def test_a_temperature_of_zero_takes_the_first_of_the_likeliest() -> None:
    cold = sampler(Sampling(0, 50, 0, 50, scale=1.0), forbidden=(1,))
    logits = torch.tensor([[[1.0, 9.0, 5.0, 5.0]]])
    assert cold.sample(logits, ACTION, torch.tensor([0])) == 1
    assert cold.sample(logits, FIRST_CODEBOOK, torch.tensor([0])) == 2


def test_random_numbers_follow_the_seed() -> None:
    numbers = random_numbers(7, 100, 31)
    assert numbers.shape == (100, 32)
    assert numbers.dtype == torch.float64
    assert 0 <= numbers.min() < 0.01
    assert 0.99 < numbers.max() < 1
    assert torch.equal(numbers, random_numbers(7, 100, 31))
    assert not torch.equal(numbers, random_numbers(8, 100, 31))
