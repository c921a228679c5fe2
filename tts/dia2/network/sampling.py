"""Sampling with classifier-free guidance, top-k and temperature, for all slots (SPEC 7.1, 7.2).

Guidance selects the candidates, then the conditional logits alone are sampled. Each slot brings
its own settings and its own random numbers, so what it draws does not depend on its neighbours.
No value is looked at on the host, so that a draw may be part of a captured graph.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tts.transformer.draws import pick, uniforms

ACTION, FIRST_CODEBOOK = 0, 1  # the draws of a step: the action, then one per codebook


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one utterance is sampled. A temperature of 0 takes the likeliest token, a top-k of 0
    lets every token in, and with a guidance scale of 1 there is no guidance.
    """

    text_temperature: float = 0.6
    text_top_k: int = 50
    audio_temperature: float = 0.8
    audio_top_k: int = 50
    scale: float = 2.0
    filter_k: int = 50


def guide(logits: Tensor, scale: Tensor, k: Tensor) -> Tensor:
    """Keep the conditional logits of those tokens whose guided logits are among the k largest.

    logits [slots, branches, vocabulary] (conditional first), scale and k [slots]; the others become
    -inf. Ties at the edge all stay. A scale of 1 or a k of 0 keeps everything.
    """
    conditional = logits[:, 0]
    if logits.shape[1] == 1:
        return conditional
    guided = torch.lerp(logits[:, 1], conditional, scale[:, None].expand_as(conditional))
    edge = _kth_largest(guided, k)
    everything = ((scale == 1) | (k <= 0))[:, None]
    return conditional.masked_fill(~((guided >= edge) | everything), -math.inf)


def forbid(logits: Tensor, ids: tuple[int, ...]) -> Tensor:
    """Make ids impossible: by the smallest float, not -inf, which tells if nothing else is left."""
    logits = logits.clone()
    for token in ids:
        if token < logits.shape[-1]:
            logits[:, token] = torch.finfo(logits.dtype).min
    return logits


def distribution(logits: Tensor, temperature: Tensor, k: Tensor) -> Tensor:
    """Probabilities [slots, vocabulary]: softmax at a temperature, exactly the k largest kept.

    Where no token is possible all falls on token 0.
    """
    p = (logits / temperature.clamp(min=1e-6)[:, None]).softmax(-1)
    p = p.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0).clamp(min=0)
    total = p.sum(-1, keepdim=True)
    first = torch.zeros_like(p)
    first[:, 0] = 1
    p = torch.where(total > 0, p / total.clamp(min=1e-12), first)
    largest, order = p.sort(stable=True, dim=-1, descending=True)
    rank = torch.arange(p.shape[-1], device=p.device)
    kept = torch.where((rank < k[:, None]) | (k <= 0)[:, None], largest, 0)
    kept = kept / kept.sum(-1, keepdim=True).clamp(min=1e-12)
    return torch.zeros_like(p).scatter(-1, order, kept)


def random_numbers(seed: int, steps: int, codebooks: int) -> Tensor:
    """Uniforms [steps, 1 + codebooks] for a whole utterance: those of each step's draws."""
    return uniforms(seed, steps, 1 + codebooks)


class Sampler:
    """The settings and random numbers of every slot, on the device."""

    def __init__(
        self,
        slots: int,
        steps: int,
        codebooks: int,
        forbidden: tuple[int, ...],
        device: torch.device,
    ) -> None:
        """`forbidden` are the control ids that the first codebook's distribution contains."""
        self.forbidden = forbidden
        self.slots = torch.arange(slots, device=device)
        self.scale = torch.ones(slots, device=device)
        self.filter_k = torch.zeros(slots, device=device, dtype=torch.int64)
        self.temperature = torch.zeros((2, slots), device=device)
        self.top_k = torch.zeros((2, slots), device=device, dtype=torch.int64)
        self.uniforms = torch.zeros(
            (slots, steps, 1 + codebooks), device=device, dtype=torch.float64
        )

    def assign(self, slot: int, sampling: Sampling, uniforms: Tensor) -> None:
        """A new utterance in a slot; `uniforms` as from `random_numbers`."""
        self.scale[slot] = sampling.scale
        self.filter_k[slot] = sampling.filter_k
        self.temperature[0, slot] = sampling.text_temperature
        self.temperature[1, slot] = sampling.audio_temperature
        self.top_k[0, slot] = sampling.text_top_k
        self.top_k[1, slot] = sampling.audio_top_k
        self.uniforms[slot, : len(uniforms)] = uniforms.to(self.uniforms.device)

    def candidates(self, logits: Tensor, draw: int) -> Tensor:
        """The logits [slots, vocabulary] that are sampled: after guidance and forbidden ids."""
        n = len(logits)
        kept = guide(logits, self.scale[:n], self.filter_k[:n])
        return forbid(kept, self.forbidden) if draw == FIRST_CODEBOOK else kept

    def probabilities(self, candidates: Tensor, draw: int) -> Tensor:
        kind = int(draw != ACTION)
        n = len(candidates)
        return distribution(candidates, self.temperature[kind, :n], self.top_k[kind, :n])

    def sample(self, logits: Tensor, draw: int, steps: Tensor) -> Tensor:
        """Draw tokens [slots]: draw number `draw` of each slot's step (`steps` [slots], from 0).

        `logits` [slots, branches, vocabulary]; they may be those of the first slots alone.
        """
        candidates = self.candidates(logits, draw)
        uniforms = self.uniforms[self.slots[: len(logits)], steps, draw]
        drawn = pick(self.probabilities(candidates, draw), uniforms)
        greedy = self.temperature[int(draw != ACTION), : len(logits)] <= 0
        return torch.where(greedy, candidates.argmax(-1), drawn)


def _kth_largest(x: Tensor, k: Tensor) -> Tensor:
    """The k-th largest [slots, 1] along the last axis (the smallest if there are fewer)."""
    place = k.clamp(1, x.shape[-1]) - 1
    return x.sort(-1, descending=True).values.gather(-1, place[:, None])
