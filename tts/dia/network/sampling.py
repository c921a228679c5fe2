"""Choice of the next column with classifier-free guidance, for all slots, as Transformers does it.

Guidance chooses the candidates, then their conditional logits alone are sampled; whether the take
ends is not left to chance. Candidates are few: they are kept beside each other, in order of ids,
and everything after the first filter is done with them alone. No value is looked at on the host, so
that a choice may be part of a captured graph.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tts.dia.network.config import DiaConfig
from tts.protocol import TextToSpeechError
from tts.transformer.draws import pick
from tts.transformer.kv_cache import is_static


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one utterance is sampled.

    A guidance scale of 1 is none. A temperature of 0 takes the likeliest code; others are at least
    1, because Dia makes noise below. A top-k of 0 lets every code in (with guidance, then its
    logits are sampled).
    """

    scale: float = 3.0
    temperature: float = 1.8
    top_k: int = 50
    top_p: float = 0.9

    def __post_init__(self) -> None:
        """Raises TextToSpeechError."""
        for name, fits, rule in (
            ("cfg", self.scale >= 1, "at least 1"),
            ("temperature", self.temperature == 0 or self.temperature >= 1, "at least 1, or 0"),
            ("top_k", self.top_k >= 0, "at least 0"),
            ("top_p", 0 < self.top_p <= 1, "above 0, at most 1"),
        ):
            if not fits:
                raise TextToSpeechError(f"{name} must be {rule}")


class Sampler:
    """The settings and random numbers of every slot, on the device."""

    def __init__(
        self, config: DiaConfig, slots: int, device: torch.device, *, fixed: bool | None = None
    ) -> None:
        """`fixed`: shapes do not depend on settings, as a graph wants it; so always on a GPU."""
        self.eos, vocabulary = config.eos, config.audio_vocab
        self.vocabulary = vocabulary
        self.slots = torch.arange(slots, device=device)
        self.scale = torch.ones((slots, 1, 1), device=device)
        self.temperature = torch.ones((slots, 1, 1), device=device)
        self.greedy = torch.zeros((slots, 1), device=device, dtype=torch.bool)
        self.top_k = torch.zeros((slots, 1, 1), device=device, dtype=torch.int64)
        self.top_p = torch.ones((slots, 1, 1), device=device)
        size = (slots, config.max_steps, config.codebooks)
        self.uniforms = torch.zeros(size, device=device, dtype=torch.float64)
        self.forbidden = torch.zeros((config.codebooks, vocabulary), device=device)
        self.forbidden[0, self.eos + 1 :] = -math.inf
        self.forbidden[1:, self.eos :] = -math.inf
        self._fixed = is_static(device) if fixed is None else fixed
        # How many candidates there are at most, on the host.
        self._most = [vocabulary if self._fixed else 1] * slots

    def assign(self, slot: int, sampling: Sampling, uniforms: Tensor) -> None:
        """A new utterance in a slot; `uniforms` [steps, codebooks] (float64, in [0, 1))."""
        self.scale[slot] = sampling.scale
        self.temperature[slot] = sampling.temperature or 1.0
        self.greedy[slot] = sampling.temperature == 0
        self.top_k[slot] = sampling.top_k or self.vocabulary
        self.top_p[slot] = sampling.top_p
        self.uniforms[slot, : len(uniforms)] = uniforms.to(self.uniforms.device)
        if not self._fixed:
            self._most[slot] = min(sampling.top_k, self.vocabulary) or self.vocabulary

    def sample(self, logits: Tensor, steps: Tensor) -> Tensor:
        """Draw tokens [slots, codebooks], those of each slot's step (`steps` [slots], from 0).

        `logits` [slots, branches, codebooks, ids]; they may be those of the first slots alone.
        """
        ids, scores = self.candidates(logits)
        return self.draw(ids, scores, steps)

    def candidates(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Ids [slots, codebooks, n], in order, and the scores whose softmax they are drawn by."""
        n, conditional = len(logits), logits[:, 0]
        k, temperature = self.top_k[:n], self.temperature[:n]
        scores = conditional / temperature + self.forbidden
        ranking = _end_or_not(scores, self.eos)
        if logits.shape[1] > 1:
            scale = self.scale[:n]
            guided = conditional + (conditional - logits[:, 1]) * scale
            ranking = torch.where(scale == 1, ranking, guided)
            everything = (k >= self.vocabulary) & (scale != 1)
            scores = torch.where(everything, guided / temperature + self.forbidden, scores)
        most = max(self._most[:n])
        ids, rank = ranking.topk(most, -1).indices.sort(-1)
        scores = scores.gather(-1, ids).masked_fill(rank >= k, -math.inf)
        scores = _end_or_not(scores, self.eos, ids)
        return ids, self._nucleus(scores, self.top_p[:n])

    def draw(self, ids: Tensor, scores: Tensor, steps: Tensor) -> Tensor:
        """One of the candidates for each codebook, [slots, codebooks]."""
        n = len(ids)
        drawn = pick(scores.softmax(-1), self.uniforms[self.slots[:n], steps])
        chosen = torch.where(self.greedy[:n], scores.argmax(-1), drawn)
        return ids.gather(-1, chosen[..., None])[..., 0]

    @staticmethod
    def _nucleus(scores: Tensor, top_p: Tensor) -> Tensor:
        """Keep the fewest, the likeliest first, that have `top_p` of the probability together."""
        rising = scores.sort(-1).values
        beyond = rising.softmax(-1).cumsum(-1) <= 1 - top_p
        beyond[..., -1] = False
        least = rising.masked_fill(beyond, math.inf).amin(-1, keepdim=True)
        return scores.masked_fill(scores < least, -math.inf)


def _end_or_not(scores: Tensor, eos: int, ids: Tensor | None = None) -> Tensor:
    """The first codebook's end is certain if it is likeliest, and impossible if not.

    `scores` [slots, codebooks, n] of `ids`, by default of all of them.
    """
    first = scores[:, 0]
    best = first.argmax(-1, keepdim=True)
    if ids is None:
        ends, is_end = best == eos, torch.zeros_like(first, dtype=torch.bool)
        is_end[:, eos] = True
    else:
        is_end = ids[:, 0] == eos
        ends = is_end.gather(-1, best)
    scores = scores.clone()
    scores[:, 0].masked_fill_(is_end != ends, -math.inf)
    return scores
