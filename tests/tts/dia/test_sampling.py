"""The choice of a column: guidance, the rule about the end, filters, slots by themselves."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.tts.dia.models import SMALL, config_of
from tts import TextToSpeechError
from tts.dia.network.sampling import Sampler, Sampling

CONFIG = config_of(SMALL)
EOS = CONFIG.eos
PLAIN = Sampling(scale=1, temperature=1, top_k=0, top_p=1)


def logits(slots: int = 1, branches: int = 2, seed: int = 0) -> Tensor:
    size = (slots, branches, CONFIG.codebooks, CONFIG.audio_vocab)
    return torch.randn(size, generator=torch.Generator().manual_seed(seed)) * 3


def sampler(*settings: Sampling, fixed: bool = False) -> Sampler:
    made = Sampler(CONFIG, len(settings), torch.device("cpu"), fixed=fixed)
    for slot, each in enumerate(settings):
        numbers = torch.rand(50, CONFIG.codebooks, dtype=torch.float64) * 0 + 0.1 * (slot + 1)
        made.assign(slot, each, numbers)
    return made


def scores(found: Tensor, **settings: Any) -> Tensor:
    """What is left to be drawn of, [codebooks, ids]."""
    ids, left = sampler(replace(PLAIN, **settings)).candidates(found)
    whole = torch.full(found.shape[2:], -math.inf)
    return whole.scatter(-1, ids[0], left[0])


def test_guidance_chooses_and_the_conditional_logits_are_drawn() -> None:
    found = logits()
    guided = found[0, 0] + 3 * (found[0, 0] - found[0, 1])
    left = scores(found, scale=3, temperature=2, top_k=5)
    for codebook in range(1, CONFIG.codebooks):
        allowed = guided[codebook].topk(5).indices
        kept = {int(each) for each in allowed if each < EOS}
        assert {int(each) for each in left[codebook].isfinite().nonzero()} == kept
        assert all(left[codebook, each] == found[0, 0, codebook, each] / 2 for each in kept)


def test_without_a_filter_the_guided_logits_are_drawn() -> None:
    found = logits()
    guided = found[0, 0] + 3 * (found[0, 0] - found[0, 1])
    left = scores(found, scale=3, top_k=0)
    torch.testing.assert_close(left[1:, :EOS], guided[1:, :EOS])
    assert left[1:, EOS:].isinf().all()


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_end_is_certain_or_impossible(scale: float) -> None:
    found = logits()
    found[:, :, 0, EOS] = 20  # the likeliest
    left = scores(found, scale=scale, top_k=9)
    assert left[0].isfinite().nonzero().tolist() == [[EOS]]
    found[:, :, 0, 3] = 21
    left = scores(found, scale=scale, top_k=9)
    assert left[0, 3].isfinite()
    assert left[0, EOS].isinf()
    assert left[1:, EOS:].isinf().all()  # elsewhere it never is


def test_the_end_is_judged_after_the_filter_of_the_guidance() -> None:
    found = logits()
    found[0, :, 0, EOS] = torch.tensor([20.0, 40.0])  # without the text it is likelier
    assert scores(found, scale=3, top_k=9)[0, EOS].isinf()
    assert scores(found, scale=1, top_k=9)[0, EOS].isfinite()


def test_top_p_keeps_the_fewest_likeliest() -> None:
    found = logits(branches=1)
    left = scores(found, top_p=0.7)
    p = found[0, 0, 1, :EOS].softmax(-1)
    kept = left[1, :EOS].isfinite()
    assert p[kept].sum() >= 0.7 > p[kept].sum() - p[kept].min()
    assert p[kept].min() > p[~kept].max()
    assert scores(found, top_p=1e-9).isfinite().sum(-1).tolist() == [1] * CONFIG.codebooks


def test_greedy_takes_the_likeliest_that_is_left() -> None:
    found = logits()
    made = sampler(Sampling(scale=3, temperature=0, top_k=5))
    ids, left = made.candidates(found)
    drawn = made.sample(found, torch.zeros(1, dtype=torch.int64))
    assert (drawn == ids.gather(-1, left.argmax(-1, keepdim=True))[..., 0]).all()


@pytest.mark.parametrize("fixed", [False, True])
def test_slots_draw_as_if_alone(fixed: bool) -> None:
    """Also where shapes may not depend on settings, as in a graph."""
    settings = [
        Sampling(),
        Sampling(scale=1, top_k=0, temperature=1.3, top_p=0.95),
        Sampling(temperature=0, top_k=7),
        Sampling(scale=4, top_k=10, temperature=1, top_p=1),
    ]
    together, found = sampler(*settings, fixed=fixed), logits(4)
    steps = torch.tensor([0, 3, 1, 2])
    drawn = together.sample(found, steps)
    for slot, each in enumerate(settings):
        alone = sampler(each)
        alone.uniforms[0] = together.uniforms[slot]
        one = alone.sample(found[slot : slot + 1], steps[slot : slot + 1])
        assert drawn[slot].tolist() == one[0].tolist()
    assert together.sample(found[:2], steps[:2]).tolist() == drawn[:2].tolist()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scale": 0.5}, "cfg must be at least 1"),
        ({"temperature": 0.7}, "temperature must be at least 1, or 0"),
        ({"temperature": math.nan}, "temperature must"),
        ({"top_k": -1}, "top_k must be at least 0"),
        ({"top_p": 0.0}, "top_p must be above 0"),
        ({"top_p": 1.5}, "top_p must be above 0, at most 1"),
    ],
)
def test_wrong_settings(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(TextToSpeechError, match=said):
        Sampling(**wrong)
