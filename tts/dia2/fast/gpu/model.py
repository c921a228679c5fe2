"""The model for a GPU: the fused network's weights, read by the kernels of this package.

A frame of the 2B model is some 870 kernels (`python -m bench.dia2_kernels` counts them), each of
which is bound by reading its matrix or by its own launch. A prefix is prefilled by the fused
network: with hundreds of rows a product is no longer bound by its matrix.
"""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor

from tts.dia2.fast.backbone import Backbone
from tts.dia2.fast.depformer import Depformer, Frame
from tts.dia2.fast.gpu.kernels.draw import Next, draw
from tts.dia2.fast.gpu.kernels.embed import Tables, embed
from tts.dia2.fast.gpu.kernels.layer import KernelBlock, Seen, matrix
from tts.dia2.fast.gpu.kernels.project import Matrix, project
from tts.dia2.fast.model import FastModel
from tts.dia2.network import depformer
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.model import SHORTEST
from tts.dia2.network.sampling import ACTION, FIRST_CODEBOOK, Sampler
from tts.transformer.kv_cache import Cache, CacheView, FixedStep
from tts.transformer.weights import Weights


class KernelModel(FastModel):
    """The numbers of `FastModel` but for rounding; nothing it does waits for the device.

    With `quantize`, int8 weights in all layers and heads but the action's; a prefix goes through
    those it was loaded with.
    """

    def __init__(
        self,
        config: Dia2Config,
        weights: Path | Weights,
        *,
        device: torch.device | str = "cuda",
        dtype: torch.dtype = torch.bfloat16,
        slots: int = 1,
        branches: int = 2,
        quantize: bool = False,
    ) -> None:
        """Load the weights, of a file or by name. Raises TextToSpeechError."""
        super().__init__(
            config, weights, device=device, dtype=dtype, slots=slots, branches=branches
        )
        self.quantized = quantize
        with torch.inference_mode():
            self._share(self.fused, self.fused_depth, quantize=quantize)

    def here(self) -> AbstractContextManager[object]:
        """Triton launches on the current device: this one."""
        return torch.cuda.device(self.device) if self.device.type == "cuda" else nullcontext()

    def _share(self, near: Backbone, deep: Depformer | None, *, quantize: bool) -> None:
        """Take the fused networks' matrices as they are, or as int8 beside them."""
        assert deep is not None
        config = self.config
        made: dict[int, Matrix] = {}  # the MLPs belong to all of the depformer's sets

        def narrow(wide: Matrix) -> Matrix:
            key = id(wide.weight)
            if key not in made:
                made[key] = wide.quantized() if quantize else wide
            return made[key]

        second = near.second(near.text)
        second[config.pad] = 0
        self.tables = Tables(near.main(near.text), second, near.audio, config.audio_vocab)
        self.layers = [KernelBlock.of(config.decoder, block, narrow) for block in near.blocks]
        self.action_head = matrix(near.action_head)
        self.first_head = narrow(matrix(near.first_head))

        self.sets = sorted(deep.inputs)
        inputs = torch.cat([matrix(deep.inputs[number]).weight for number in self.sets])
        self.inputs = narrow(Matrix(inputs))
        self.depth = {
            number: [
                KernelBlock.of(config.depformer, block, narrow) for block in deep.blocks[number]
            ]
            for number in self.sets
        }
        self.heads = [narrow(matrix(head)) for head in deep.logits]
        stages = torch.arange(len(self.heads), device=self.device)
        self.numbers = stages
        self.depth_tables, self.depth_text = deep.audio, deep.text
        self.ropes = None
        if self.depth_rotary is not None:
            cos, sin = self.depth_rotary.angles(stages, torch.float32)
            self.ropes = cos.flatten(1), sin.flatten(1)

    def _compiled(self, weights: Weights) -> None:
        del weights

    def _view(self, active: list[bool]) -> FixedStep:
        return self.fixed_step(torch.tensor(active, device=self.device), self.cache.entries)

    @property
    def spans(self) -> list[int]:
        """Only how many programs share a head depends on them."""
        return sorted({min(SHORTEST, self.cache.entries), self.cache.entries})

    def fixed_step(self, active: Tensor, span: int) -> FixedStep:
        return BareStep(self.cache, active, span)

    def forward(self, tokens: Tensor, positions: Tensor, cache: CacheView) -> Tensor:
        if not isinstance(cache, FixedStep):
            return super().forward(tokens, positions, cache)
        cos, sin = self.rotary.angles(positions[:, 0], torch.float32)
        angles = cos.flatten(1), sin.flatten(1)
        with self.here():
            x = embed(tokens.flatten(0, 1), self.tables)
            for layer, k, v in zip(self.layers, cache.keys, cache.values, strict=True):
                x = layer(x, angles, Seen(k, v, self.cache.lengths, self.branches, cache.span))
        return self.fused.norm(x).mul_(self.fused.weight).view(*tokens.shape[:-1], -1)

    def actions(self, hidden: Tensor) -> Tensor:
        return self._logits(hidden, self.action_head)

    def first_codebook(self, hidden: Tensor) -> Tensor:
        return self._logits(hidden, self.first_head)

    def _logits(self, hidden: Tensor, head: Matrix) -> Tensor:
        rows = hidden.flatten(0, -2)
        with self.here():
            logits = project(rows, head, dtype=torch.float32)
        return logits.view(*hidden.shape[:-1], -1)

    def action(self, hidden: Tensor, sampler: Sampler, steps: Tensor) -> Tensor:
        if not _is_plain(sampler):
            return super().action(hidden, sampler, steps)
        tokens = steps.new_empty((len(hidden), 1))
        with self.here():
            draw(sampler, self.actions(hidden), ACTION, steps, tokens)
        return tokens[:, 0]

    def column(self, hidden: Tensor, text: Tensor, sampler: Sampler, steps: Tensor) -> Tensor:
        if not _is_plain(sampler):
            return super().column(hidden, text, sampler, steps)
        with self.here():
            return self._column(hidden, text, sampler, steps)

    def _column(self, hidden: Tensor, text: Tensor, sampler: Sampler, steps: Tensor) -> Tensor:
        slots, codebooks = len(hidden), self.config.codebooks
        frame = self.new_frame(slots)
        tokens = steps.new_empty((slots, codebooks))
        logits = self.first_codebook(hidden)
        for number in range(codebooks):
            following = None
            if number < len(self.heads):
                start = self._start(number, hidden, frame)
                x = start.new_empty(start.shape)
                following = Next(x, start, self.depth_tables[number])
            draw(sampler, logits, FIRST_CODEBOOK + number, steps, tokens, number, following)
            if following is not None:
                logits = self._stage(number, self._with_text(x, number, text), frame)
        return tokens

    def next_codebook(
        self, stage: int, hidden: Tensor, previous: Tensor, text: Tensor, frame: depformer.Frame
    ) -> Tensor:
        assert isinstance(frame, Frame)
        with self.here():
            start = self._start(stage, hidden, frame)
            embedded = self.depth_tables[stage].index_select(0, previous)
            x = start + embedded.repeat_interleave(self.branches, 0)
            return self._stage(stage, self._with_text(x, stage, text), frame)

    def _start(self, stage: int, hidden: Tensor, frame: Frame) -> Tensor:
        """What a stage adds its token to, [rows, width]; rows lie apart."""
        if not frame.starts:
            all_sets = project(hidden.flatten(0, 1), self.inputs)
            parts = all_sets.chunk(len(self.sets), 1)
            frame.starts.update(zip(self.sets, parts, strict=True))
        return frame.starts[self.config.schedule[stage]]

    def _with_text(self, x: Tensor, stage: int, text: Tensor) -> Tensor:
        embedding = self.depth_text
        if stage > 0 or embedding is None:
            return x
        embedded: Tensor = embedding(text[:, 0], text[:, 1])
        return x + embedded.repeat_interleave(self.branches, 0)

    def _stage(self, stage: int, x: Tensor, frame: Frame) -> Tensor:
        """Logits [slots, branches, limit] from what a stage starts with."""
        number = self.numbers[stage : stage + 1]
        angles = None
        if self.ropes is not None:
            cos, sin = self.ropes
            angles = cos[stage : stage + 1], sin[stage : stage + 1]
        for layer, (keys, values) in zip(
            self.depth[self.config.schedule[stage]], frame.seen, strict=True
        ):
            x = layer(x, angles, Seen(keys, values, number, self.branches, len(self.heads)))
        logits = project(x, self.heads[stage], norm=self.config.eps, dtype=torch.float32)
        return logits.view(-1, self.branches, logits.shape[1])


def _is_plain(sampler: Sampler) -> bool:
    """Whether it draws as the kernel does: others have more to do, such as to compare."""
    return type(sampler) is Sampler


class BareStep(FixedStep):
    """One that the kernels attend to: they read the lengths, and need no mask."""

    def __init__(self, cache: Cache, active: Tensor, span: int) -> None:
        n = len(active)
        self.keys, self.values = cache.keys[:, :n], cache.values[:, :n]
        self.lengths = cache.lengths[:n]
        self.active, self.span = active, span
