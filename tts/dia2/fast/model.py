"""The model for speed: both networks fused, their matrices packed, loops where they are faster."""

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tts.dia2.fast.backbone import Backbone
from tts.dia2.fast.depformer import Depformer, Frame
from tts.dia2.network import depformer as reference
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.model import Model, state_dict
from tts.dia2.network.sampling import FIRST_CODEBOOK, Sampler
from tts.extras import pip_install
from tts.transformer.kv_cache import CacheView
from tts.transformer.linear import pack
from tts.transformer.weights import Weights

if TYPE_CHECKING:
    from tts.dia2.fast.cpu import depformer as compiled

_log = logging.getLogger(__name__)


class FastModel(Model):
    """The reference model's numbers but for rounding; with `quantize`, int8 weights.

    Either depth transformer is None: that in PyTorch's operations, or that in compiled loops, which
    a CPU takes where it is faster (see `tts.dia2.fast.trial`).
    """

    def __init__(
        self,
        config: Dia2Config,
        weights: Path | Weights,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        slots: int = 1,
        branches: int = 2,
        quantize: bool = False,
    ) -> None:
        """Load the weights, of a file or by name. Raises TextToSpeechError."""
        weights = state_dict(config, weights, device, dtype)
        super().__init__(config, device=device, dtype=dtype, slots=slots, branches=branches)
        self.quantized = quantize
        packed = partial(pack, quantize=quantize)
        with torch.inference_mode():
            self.fused = Backbone(config, weights, packed)
            self.compiled = self._compiled(weights)
            self.fused_depth: Depformer | None = None
            if self.compiled is None:
                self.fused_depth = Depformer(config, weights, self.depth_rotary, packed)
            else:
                self.sampler_type = self.compiled.sampler_type
        self.frames: dict[int, Frame] = {}

    def _compiled(self, weights: Weights) -> "compiled.Depformer | None":
        """The depth transformer in compiled loops, for a CPU, if they compile and are faster."""
        if self.device.type != "cpu" or self.dtype != torch.float32:
            return None
        try:
            from tts.dia2.fast import trial
            from tts.dia2.fast.cpu import depformer as compiled
            from tts.transformer.cpu import int8_loops
        except ImportError as error:
            _log.info("Dia2 is slower without Numba: %s (%s)", pip_install("numba"), error)
            return None
        if self.quantized and not int8_loops.supported():
            return None
        parts = (self.config, weights, self.depth_rotary, self.branches)
        loops, quantize = compiled.Depformer, self.quantized
        if not trial.loops_are_faster(*parts, loops, quantize=quantize):
            return None
        return loops(*parts, quantize=quantize)

    def forward(self, tokens: Tensor, positions: Tensor, cache: CacheView) -> Tensor:
        return self.fused(tokens, positions, self.rotary, cache)

    def actions(self, hidden: Tensor) -> Tensor:
        return self.fused.action_head(hidden).float()

    def first_codebook(self, hidden: Tensor) -> Tensor:
        logits = self.fused.first_head(hidden.flatten(0, -2)).float()
        return logits.view(*hidden.shape[:-1], -1)

    def column(self, hidden: Tensor, text: Tensor, sampler: Sampler, steps: Tensor) -> Tensor:
        if self.compiled is not None and isinstance(sampler, self.compiled.sampler_type):
            first = sampler.sample(self.first_codebook(hidden), FIRST_CODEBOOK, steps)
            stages = FIRST_CODEBOOK + 1, FIRST_CODEBOOK + self.config.codebooks
            drawing = sampler.drawing(*stages, steps)
            tokens = self.compiled.column(hidden, text, first, drawing, self.new_frame(len(hidden)))
            if tokens is not None:
                return tokens
        return super().column(hidden, text, sampler, steps)

    def new_frame(self, slots: int | None = None) -> Frame:
        slots = slots or self.slots
        if slots not in self.frames:
            self.frames[slots] = Frame(self.config, slots, self.branches, self.cache.keys)
        frame = self.frames[slots]
        frame.starts.clear()
        return frame

    def next_codebook(
        self, stage: int, hidden: Tensor, previous: Tensor, text: Tensor, frame: reference.Frame
    ) -> Tensor:
        assert isinstance(frame, Frame)
        network = self.compiled or self.fused_depth
        assert network is not None
        return network(stage, hidden, previous, text, frame)
