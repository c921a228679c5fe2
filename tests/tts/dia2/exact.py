"""What exactness can promise on every processor, said once for all tests of it.

Two ways of computing the same logits round differently, and on which processor they do is its own
affair. So the logits are equal within `ROUNDING`, and the draws from them are equal *unless* one
lies within that rounding of an edge: between two tokens in the order of the draw, between the last
token that passes a filter and the first that does not, or between the two likeliest. How near is
near follows from how far the two runs' logits are apart, draw by draw. Such a draw is named in a
warning; what comes after it has heard another token and is compared no further.

Runs whose operations have the same shapes (one model, as many slots) round alike: of those tests
demand equality outright.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.dia2_verify.replay import distribution_of, filter_gap, sampling_is_random
from tts.dia2.network.model import Model
from tts.dia2.network.sampling import ACTION, FIRST_CODEBOOK, Sampler, Sampling
from tts.dia2.serving.sequence import Sequence
from tts.dia2.serving.stepper import Stepper

ROUNDING = 1e-4  # between two ways to the same logits or hidden states, float32
SUMS = 1e-6  # of probabilities: those that draw add them in float32


class NearTie(UserWarning):
    """A draw that lay within rounding of an edge, and fell on its other side."""


@dataclass(frozen=True, eq=False)
class Call:
    """One slot's draws in one call of a model: an action, or a column of audio."""

    model: Model
    hidden: Tensor
    """[1, branches, width]"""
    text: Tensor | None
    """[1, 2]; None: the draw is an action."""
    sampling: Sampling
    forbidden: tuple[int, ...]
    step: int
    uniforms: NDArray[np.float64]
    """[1 + codebooks], all of the step's"""
    tokens: list[int]

    @property
    def first(self) -> int:
        return ACTION if self.text is None else FIRST_CODEBOOK

    @torch.inference_mode()
    def logits(self, draw: int) -> NDArray[np.float32]:
        """[branches, vocabulary] of one of the draws, after the tokens before it."""
        model, hidden = self.model, self.hidden
        if draw == ACTION:
            found = model.actions(hidden)
        elif draw == FIRST_CODEBOOK:
            found = model.first_codebook(hidden)
        else:
            assert self.text is not None
            frame = model.new_frame(1)
            for stage in range(draw - FIRST_CODEBOOK):
                previous = torch.tensor(self.tokens[stage : stage + 1])
                found = model.next_codebook(stage, hidden, previous, self.text, frame)
        logits: NDArray[np.float32] = found[0].float().numpy().copy()
        return logits


def part(got: Call, want: Call) -> bool:
    """Whether two calls part at a draw near an edge; fails if they part anywhere else."""
    branches = min(got.model.branches, want.model.branches)
    one, other = (each.hidden[:, :branches].float() for each in (got, want))
    torch.testing.assert_close(
        one, other, rtol=0, atol=ROUNDING, equal_nan=True, msg="hidden states differ"
    )
    pairs = zip(got.tokens, want.tokens, strict=True)
    for draw, tokens in enumerate(pairs, want.first):
        if tokens[0] != tokens[1]:
            name = f"step {want.step}, {f'codebook {draw - 1}' if draw else 'action'}"
            said = f"{name}: {tokens[0]} and {tokens[1]} were drawn"
            logits = [each.logits(draw)[:branches] for each in (got, want)]
            off = float(np.abs(logits[0] - logits[1]).max())
            assert off <= ROUNDING, f"{said}: the logits differ by {off:.1e}"
            edge = _edge(want, draw, tokens, off)
            assert edge, f"{said}: the logits differ by {off:.1e}, and no edge is that near"
            warnings.warn(NearTie(f"{said}, {edge}"), stacklevel=2)
            return True
    return False


def _edge(call: Call, draw: int, tokens: tuple[int, int], off: float) -> str:
    """The edge near which a draw fell, if logits that are off by `off` can carry it across."""
    logits, sampling = call.logits(draw).astype(np.float64), call.sampling
    off += ROUNDING / 100  # the draw rounds, too
    gap = filter_gap(call.logits(draw), sampling) if sampling.scale != 1 else math.inf
    if gap <= 2 * off * (abs(sampling.scale) + abs(1 - sampling.scale)):
        return f"{gap:.1e} from the edge of the filter"
    if not sampling_is_random(sampling, draw):
        gap = abs(logits[0, tokens[0]] - logits[0, tokens[1]])
        return f"as likely as each other but for {gap:.1e}" if gap <= 2 * off else ""
    text = draw == ACTION
    temperature = sampling.text_temperature if text else sampling.audio_temperature
    k = sampling.text_top_k if text else sampling.audio_top_k
    p = distribution_of(call.logits(draw), sampling, draw, call.forbidden)
    everything = Sampling(temperature, 0, temperature, 0, sampling.scale, sampling.filter_k)
    ranked = np.sort(distribution_of(call.logits(draw), everything, draw, call.forbidden))[::-1]
    if 0 < k < len(ranked) and ranked[k] > 0:
        gap = math.log(ranked[k - 1] / ranked[k]) * temperature
        if gap <= 2 * off:
            return f"{gap:.1e} from the edge of the likeliest {k}"
    # Each probability moves by a factor of at most exp(2 off / temperature), and so does a sum.
    number, ends = float(call.uniforms[draw]), p.cumsum()
    gap = max(max(ends[n] - p[n] - number, number - ends[n], 0) for n in tokens)
    near = gap <= 2 * off / temperature + SUMS and all(p[n] > 0 for n in tokens)
    return f"{gap:.1e} from the edge between them" if near else ""


@dataclass(frozen=True)
class Step:
    """A step that an utterance has made."""

    action: Call
    column: Call | None
    """None where nothing read the audio."""


@dataclass
class Draws:
    """What utterances drew, step by step."""

    steps: dict[Sequence, list[Step]] = field(default_factory=dict)
    """By utterance, in the order in which they began."""
    _slots: dict[Sequence, tuple[Model, int]] = field(default_factory=dict)
    _calls: dict[tuple[Model, int, bool], Call] = field(default_factory=dict)

    def drawn(self, calls: list[Call]) -> None:
        """What was drawn for the first slots of a model, some of them in the middle of a step."""
        for slot, call in enumerate(calls):
            self._calls[call.model, slot, call.text is None] = call

    def admitted(self, model: Model, slot: int, sequence: Sequence) -> None:
        self._slots[sequence] = model, slot
        self.steps[sequence] = []

    def written(self, sequence: Sequence) -> None:
        """The sequence is at the end of its step."""
        if sequence in self._slots:
            action, column = (
                self._calls.get((*self._slots[sequence], each)) for each in (True, False)
            )
            assert action
            assert action.step == sequence.step - sequence.start
            fresh = column if column and column.step == action.step else None
            self.steps[sequence].append(Step(action, fresh))

    def same(self, got: Sequence, want: Sequence) -> bool:
        """Whether two utterances are the same to the end, and not up to a draw near an edge."""
        for one, other in zip(self.steps[got], self.steps[want], strict=False):
            if part(one.action, other.action):
                return False
            if one.column and other.column and part(one.column, other.column):
                return False
        assert got.step == want.step
        assert got.machine.transcript == want.machine.transcript
        assert np.array_equal(got.grid, want.grid)
        return True


@contextmanager
def watch(*models: Model) -> Iterator[Draws]:
    """Keep what the models draw."""
    draws = Draws()
    with ExitStack() as stack:
        for model in dict.fromkeys(models):
            stack.enter_context(_watched(draws, model))
        admit, write = Stepper.admit, Sequence.write

        def watched_admit(stepper: Stepper, sequence: Sequence) -> int:
            slot = admit(stepper, sequence)
            if stepper.model in models:
                draws.admitted(stepper.model, slot, sequence)
            return slot

        def watched_write(sequence: Sequence, tokens: NDArray[np.int32]) -> None:
            draws.written(sequence)
            write(sequence, tokens)

        stack.enter_context(patch.object(Stepper, "admit", watched_admit))
        stack.enter_context(patch.object(Sequence, "write", watched_write))
        yield draws


@contextmanager
def _watched(draws: Draws, model: Model) -> Iterator[None]:
    action, column = model.action, model.column

    def watched_action(hidden: Tensor, sampler: Sampler, steps: Tensor) -> Tensor:
        tokens = action(hidden, sampler, steps)
        draws.drawn(calls(model, (hidden, None), sampler, steps, tokens))
        return tokens

    def watched_column(hidden: Tensor, text: Tensor, sampler: Sampler, steps: Tensor) -> Tensor:
        tokens = column(hidden, text, sampler, steps)
        draws.drawn(calls(model, (hidden, text), sampler, steps, tokens))
        return tokens

    with (
        patch.object(model, "action", watched_action),
        patch.object(model, "column", watched_column),
    ):
        yield


def calls(
    model: Model,
    given: tuple[Tensor, Tensor | None],
    sampler: Sampler,
    steps: Tensor,
    tokens: Tensor,
) -> list[Call]:
    """A call of `Model.action` or `Model.column`, slot by slot; `given` (hidden, text or None)."""
    hidden, text = given
    return [
        Call(
            model,
            hidden[slot : slot + 1].clone(),
            None if text is None else text[slot : slot + 1].clone(),
            settings(sampler, slot),
            sampler.forbidden,
            step,
            sampler.uniforms[slot, step].numpy().copy(),
            tokens[slot].reshape(-1).tolist(),
        )
        for slot, step in enumerate(steps.tolist())
    ]


def settings(sampler: Sampler, slot: int) -> Sampling:
    """How a slot draws."""
    (text, audio), (text_k, audio_k) = (
        each[:, slot].tolist() for each in (sampler.temperature, sampler.top_k)
    )
    scale, filter_k = float(sampler.scale[slot]), int(sampler.filter_k[slot])
    return Sampling(text, text_k, audio, audio_k, scale, filter_k)
