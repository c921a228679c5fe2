"""Draws of a recorded generation: each compared, then the recorded token goes on.

Where two tokens are nearly as good (at the edge of the guidance filter, in the likelihood, or next
to the random number) rounding may decide: such a draw is excused, counted and its gap shown.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.dia2_verify.goldens import Trace
from bench.dia2_verify.table import difference
from tts.dia2.network.model import Model
from tts.dia2.network.sampling import ACTION, FIRST_CODEBOOK, Sampler, Sampling

NEAR_FILTER = 2e-5  # between guided logits
NEAR_DRAW = 1e-4  # between logits, or between a random number and an edge
NEAR_NATIVE = 1e-5  # between probabilities whose order PyTorch's draw depends on
NONE = 1e29  # a recorded gap from here on: there was no edge


@dataclass(slots=True)
class Largest:
    """The largest differences over all draws of a generation."""

    logits: float = 0.0
    variation: float = 0.0
    probability: float = 0.0
    filter_gap: float = 0.0


class Replay(Sampler):
    """A sampler for one slot that compares its draws with a trace's and gives the trace's."""

    def __init__(self, model: Model, trace: Trace) -> None:
        config = model.config
        super().__init__(
            1,
            config.max_steps,
            config.codebooks,
            (config.audio_pad, config.audio_bos),
            model.device,
        )
        self.trace = trace
        self.tensors = trace.tensors
        self.mode: str = trace.json["mode"]
        self.largest = Largest()
        self.variations: list[float] = []
        self.own = np.full(tuple(self.tensors["drawn"].shape), -1)
        self.wrong: list[tuple[int, int]] = []
        self.excused: list[float] = []
        if self.mode == "native":
            torch.manual_seed(trace.json["seed"])

    @property
    def draws(self) -> bool:
        """Whether tokens can be drawn at all: PyTorch's own order is known for its CPU only."""
        return self.mode != "native" or self.slots.device.type == "cpu"

    def sample(self, logits: Tensor, draw: int, steps: Tensor) -> Tensor:
        own = -1 if self.mode == "native" else int(super().sample(logits, draw, steps))
        step = int(steps[0])
        self._judge(logits, step, draw, own)
        return torch.full_like(steps, int(self.tensors["drawn"][step, draw]))

    def catch_up(self, step: int, draw: int) -> None:
        """Compare a draw of the step that has just been made, if that has not been done."""

    def _judge(self, logits: Tensor, step: int, draw: int, own: int) -> None:
        """Compare one draw; in the native mode it is made here."""
        recorded = int(self.tensors["drawn"][step, draw])
        p = self.probabilities(self.candidates(logits, draw), draw)
        if self.mode == "native" and self.draws:
            own = int(pick_native(p, int(self.top_k[int(draw != ACTION), 0])))
        self.own[step, draw] = own
        self._compare(logits, p, step, draw)
        if self.draws and own != recorded:
            gap = self._gap(p, step, draw, own, recorded)
            if gap is None:
                self.wrong.append((step, draw))
            else:
                self.excused.append(gap)

    def _gap(self, p: Tensor, step: int, draw: int, own: int, recorded: int) -> float | None:
        """How near the recorded token was to being drawn; None: not near."""
        at_filter = float(self.tensors["cfg_gap"][step, draw])
        if at_filter < NEAR_FILTER:
            return at_filter
        if self.mode == "native":
            gap = abs(float(p[0, own] - p[0, recorded]))
            return gap if gap < NEAR_NATIVE else None
        gap = float(self.tensors["margin"][step, draw])
        return gap if gap < NEAR_DRAW else None

    def _compare(self, logits: Tensor, p: Tensor, step: int, draw: int) -> None:
        largest, sampling = self.largest, self.trace.sampling
        near = float(self.tensors["cfg_gap"][step, draw]) < NEAR_FILTER
        if (wanted := self._recorded_logits(step, draw)) is not None:
            got = logits[0].cpu().numpy()
            largest.logits = max(largest.logits, difference(got, wanted[: len(got)]))
            if sampling_is_random(sampling, draw) and not near:
                exact = distribution_of(wanted, sampling, draw, self.forbidden)
                variation = float(np.abs(p[0].double().cpu().numpy() - exact).sum()) / 2
                largest.variation = max(largest.variation, variation)
                self.variations.append(variation)
        if "p_drawn" in self.tensors and not near:
            token = int(self.tensors["drawn"][step, draw])
            off = abs(float(p[0, token]) - float(self.tensors["p_drawn"][step, draw]))
            largest.probability = max(largest.probability, off)
        recorded = float(self.tensors["cfg_gap"][step, draw])
        if recorded < NONE:
            off = abs(filter_gap(logits[0].cpu().numpy(), sampling) - recorded)
            largest.filter_gap = max(largest.filter_gap, off)

    def _recorded_logits(self, step: int, draw: int) -> NDArray[np.float32] | None:
        """[branches, vocabulary], if the trace has them."""
        if "dep_logits" not in self.tensors:
            return None
        match draw:
            case 0:
                found = self.tensors["action_logits"][step]
            case 1:
                found = self.tensors["cb0_logits"][step]
            case _:
                found = self.tensors["dep_logits"][step, draw - FIRST_CODEBOOK - 1]
        logits: NDArray[np.float32] = found.numpy()
        return logits


class GraphReplay(Replay):
    """The same in a graph: what was drawn, and from what, stays on the device until `catch_up`."""

    def __init__(self, model: Model, trace: Trace) -> None:
        super().__init__(model, trace)
        self._recorded = self.tensors["drawn"].long().to(model.device)
        self._drawn = torch.zeros(self._recorded.shape[1], dtype=torch.int64, device=model.device)
        self._logits: dict[int, Tensor] = {}

    def sample(self, logits: Tensor, draw: int, steps: Tensor) -> Tensor:
        if draw not in self._logits:
            self._logits[draw] = torch.empty_like(logits)
        self._logits[draw].copy_(logits)
        self._drawn[draw] = Sampler.sample(self, logits, draw, steps)[0]
        return self._recorded[steps, draw]

    def catch_up(self, step: int, draw: int) -> None:
        self._judge(self._logits[draw], step, draw, int(self._drawn[draw]))


def sampling_is_random(sampling: Sampling, draw: int) -> bool:
    return (sampling.text_temperature if draw == ACTION else sampling.audio_temperature) > 0


def filter_gap(logits: NDArray[np.float32], sampling: Sampling) -> float:
    """Between the last guided logit that passes the filter and the first that does not."""
    guided = np.sort(guided_logits(logits.astype(np.float64), sampling))[::-1]
    if not 0 < sampling.filter_k < len(guided):
        return math.inf
    return float(guided[sampling.filter_k - 1] - guided[sampling.filter_k])


def guided_logits(logits: NDArray[np.float64], sampling: Sampling) -> NDArray[np.float64]:
    conditional, unconditional = logits
    guided: NDArray[np.float64] = unconditional + sampling.scale * (conditional - unconditional)
    return guided


def distribution_of(
    recorded: NDArray[np.float32], sampling: Sampling, draw: int, forbidden: tuple[int, ...]
) -> NDArray[np.float64]:
    """The probabilities that follow from recorded logits, in float64 and written for this check."""
    logits = recorded.astype(np.float64)
    allowed = np.ones(logits.shape[1], bool)
    if sampling.scale != 1 and 0 < sampling.filter_k < logits.shape[1]:
        guided = guided_logits(logits, sampling)
        allowed = guided >= np.sort(guided)[-sampling.filter_k]
    if draw == FIRST_CODEBOOK:
        allowed[[token for token in forbidden if token < len(allowed)]] = False
    text = draw == ACTION
    temperature = sampling.text_temperature if text else sampling.audio_temperature
    k = sampling.text_top_k if text else sampling.audio_top_k
    scaled = np.where(allowed, logits[0] / temperature, -math.inf)
    p = np.exp(scaled - scaled.max())
    if 0 < k < len(p):
        p[np.argsort(-p, kind="stable")[k:]] = 0
    normal: NDArray[np.float64] = p / p.sum()
    return normal


def pick_native(p: Tensor, k: int) -> Tensor:
    """Token [slots] in the order in which the published runtime uses PyTorch's own generator."""
    if 0 < k < p.shape[-1]:
        largest, order = p.topk(k, dim=-1)
        return order.gather(-1, torch.multinomial(largest, 1))[:, 0]
    return torch.multinomial(p, 1)[:, 0]
