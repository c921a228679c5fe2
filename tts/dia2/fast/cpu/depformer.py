"""The depth transformer on a CPU, one compiled call a frame (see `tts.transformer.cpu.loops`).

A frame is some thousand small products one after the other: called one by one, PyTorch's operators
take longer than what they compute. Hence `depth_loops`, beside `tts.dia2.fast.depformer`.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tts.dia2.fast.backbone import stack
from tts.dia2.fast.cpu.depth_loops import Depth, Frame, column
from tts.dia2.fast.cpu.draw_loops import CompiledSampler, Drawing
from tts.dia2.fast.cpu.matrix_loops import Bytes
from tts.dia2.fast.depformer import text_embedding
from tts.dia2.network import depformer as reference
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.sampling import ACTION
from tts.transformer.cpu.helpers import Helpers
from tts.transformer.cpu.int8_loops import Matrix
from tts.transformer.cpu.loops import ACTIVATIONS, Floats
from tts.transformer.fused import norm_weight
from tts.transformer.layers import Rotary
from tts.transformer.weights import Weights

LARGE = 1 << 20  # weights of an MLP's matrix: two threads read them faster than one
_SLOW = 2.0  # seconds: a first call that takes longer compiles

_log = logging.getLogger(__name__)


class Depformer:
    """`tts.dia2.network.depformer.Depformer` in compiled loops, in float32 or with int8 weights."""

    sampler_type = CompiledSampler

    def __init__(
        self,
        config: Dia2Config,
        weights: Weights,
        rotary: Rotary | None,
        branches: int,
        *,
        quantize: bool,
    ) -> None:
        """Compiles at its end, if this machine has not done so before: that takes seconds."""
        self.branches, self.stages = branches, config.codebooks - 1
        self.limit = config.audio_limit
        self.text = text_embedding(config, weights, torch.float32)
        large = config.depformer.width * config.depformer.hidden > LARGE
        self.helpers = Helpers(int(quantize and large and torch.get_num_threads() > 1))
        self.bytes: list[Matrix] | None = [] if quantize else None
        self.net = self._depth(config, weights, rotary)
        begun = time.perf_counter()
        frame = reference.Frame(config, branches, None, torch.device("cpu"), torch.float32)
        nothing = torch.zeros(1, 2, dtype=torch.int64)
        self(0, torch.zeros(1, branches, config.decoder.width), nothing[:, 0], nothing, frame)
        draws = CompiledSampler(1, 1, config.codebooks, (), torch.device("cpu"))
        draws.sample(torch.zeros(1, branches, 2), ACTION, nothing[:, 0])
        if (took := time.perf_counter() - begun) > _SLOW:
            _log.info("compiled Dia2's loops in %.0f s; they are kept for the next time", took)

    def __call__(
        self, stage: int, hidden: Tensor, previous: Tensor, text: Tensor, frame: reference.Frame
    ) -> Tensor:
        """The logits [slots, branches, limit] of codebook `stage` + 1.

        `hidden` [slots, branches, decoder width], `previous` [slots], `text` [slots, 2].
        """
        slots = len(previous)
        tokens = torch.zeros(slots, self.stages + 1, dtype=torch.int64)
        tokens[:, stage] = previous
        whole, floats = np.zeros(slots, np.int64), np.zeros(slots, np.float32)
        likeliest = Drawing(floats, whole, floats, whole, np.zeros((slots, 0)))
        this = self._frame(hidden, text, tokens, frame)
        column((stage, stage + 1), tuple(self.net), tuple(this), tuple(likeliest))
        return torch.from_numpy(this.logits).view(slots, self.branches, -1)

    def column(
        self,
        hidden: Tensor,
        text: Tensor,
        first: Tensor,
        drawing: Drawing,
        frame: reference.Frame,
    ) -> Tensor | None:
        """A frame's tokens [slots, codebooks] after the `first` [slots]; others as for a call.

        None if one of the draws needs the whole procedure.
        """
        tokens = torch.zeros(len(first), self.stages + 1, dtype=torch.int64)
        tokens[:, 0] = first
        this = self._frame(hidden, text, tokens, frame)
        stages = (0, self.stages)
        with self.helpers.if_quicker():
            done = column(stages, tuple(self.net), tuple(this), tuple(drawing))
        return tokens if done else None

    def _frame(self, hidden: Tensor, text: Tensor, tokens: Tensor, frame: reference.Frame) -> Frame:
        width = self.net.audio.shape[2]
        start = torch.zeros(len(tokens), width)
        if self.text is not None:
            start = self.text(text[:, 0], text[:, 1])
        rows = hidden.flatten(0, 1).contiguous()
        logits = torch.empty(len(rows), self.limit)
        inputs = (each.numpy() for each in (rows, start, tokens, frame.seen, logits))
        return Frame(*inputs)

    def _depth(self, config: Dia2Config, weights: Weights, rotary: Rotary | None) -> Depth:
        sets, stages = sorted(set(config.schedule)), range(config.codebooks - 1)
        layers = [f"depformer.layers.{each}" for each in range(config.depformer.layers)]

        def norm(name: str) -> Tensor:
            return norm_weight(weights, name)

        def matrices(names: list[str], norms: Sequence[str] = (), limit: int | None = None) -> Any:
            """[n, inputs, outputs], each times the norm before it."""
            before = [norm(each) for each in norms]
            made = (weights[f"{each}.weight"][:limit] for each in names)
            folded = (each * before[n] if before else each for n, each in enumerate(made))
            return _floats(len(names), folded) if self.bytes is None else self._bytes(folded)

        ropes = np.zeros((len(stages), 2, config.depformer.head_dim // 2), np.float32)
        ropes[:, 0] = 1
        if rotary is not None:
            ropes = torch.cat(rotary.angles(torch.tensor(stages), torch.float32), 1).numpy()
        first, second = (ACTIVATIONS.index(name) for name in config.depformer.activations)
        audio = stack(weights, [f"depformer.audio_embeds.{stage}.weight" for stage in stages])
        heads = [f"depformer.logits.{stage}" for stage in stages]
        attentions = [f"{layer}.self_attention" for layer in layers]
        return Depth(
            inputs=matrices([f"depformer.depformer_in.{each}" for each in sets]),
            qkv=matrices(
                [f"{name}.in_proj.{each}" for name in attentions for each in sets],
                [f"{layer}.pre_norm" for layer in layers for _ in sets],
            ),
            out=matrices([f"{name}.out_proj.{each}" for name in attentions for each in sets]),
            wi=matrices(
                [f"{each}.mlp.wi" for each in layers], [f"{each}.post_norm" for each in layers]
            ),
            wo=matrices([f"{each}.mlp.wo" for each in layers]),
            heads=matrices(heads, ["depformer.norm"] * len(heads), config.audio_limit),
            audio=audio.view(len(stages), -1, config.depformer.width).numpy(),
            norms=np.array(
                [[norm(f"{n}.{each}_norm").numpy() for each in "qk"] for n in attentions]
            ),
            ropes=ropes,
            sets=np.array([sets.index(each) for each in config.schedule]),
            hidden=config.depformer.hidden,
            eps=config.eps,
            first=first,
            second=second,
        )

    def _bytes(self, matrices: Iterable[Tensor]) -> Bytes:
        """The same in int8."""
        made = [Matrix(each, self.helpers.room) for each in matrices]
        self.bytes = [*(self.bytes or ()), *made]
        return np.stack([each.table for each in made]), self.helpers.team


def _floats(count: int, matrices: Iterable[Tensor]) -> Floats:
    """So many [n, inputs, outputs], one in flight."""
    whole = np.empty(0, np.float32)
    for number, each in enumerate(matrices):
        if number == 0:
            whole = np.empty((count, *each.T.shape), np.float32)
        whole[number] = each.T.numpy()
    return whole
