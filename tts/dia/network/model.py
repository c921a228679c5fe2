"""Dia's model: a network and its caches, for a fixed number of slots stepped together."""

import logging
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tts.dia.network.config import DiaConfig
from tts.dia.network.decoder import Decoder
from tts.dia.network.encoder import Encoder
from tts.dia.network.text_cache import FixedTextStep, TextCache, TextChunk, TextStep
from tts.extras import pip_install
from tts.transformer.kv_cache import Cache, Chunk, FixedStep, Step, doubling, is_static
from tts.transformer.linear import pack
from tts.transformer.weights import Weights

if TYPE_CHECKING:
    from tts.dia.network.compiled import CompiledStep
    from tts.transformer.cpu.helpers import Helpers

_log = logging.getLogger(__name__)

CHUNK = 256  # positions per pass of a prefill
SHORTEST = 256  # entries of the cache that the smallest graph looks at


class Model:
    """A network on a device, and caches for `slots` utterances of `branches` branches each.

    Branch 0 hears the text; branch 1, which classifier-free guidance needs, does not. With
    `branches` = 1 there is no guidance.
    """

    def __init__(
        self,
        config: DiaConfig,
        weights: Weights,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        slots: int = 1,
        branches: int = 2,
        quantize: bool = False,
    ) -> None:
        """Take the weights by their names. Raises TextToSpeechError."""
        self.config, self.dtype = config, dtype
        self.device = torch.device(device)
        self.slots, self.branches = slots, branches
        self.cache = Cache(
            config.decoder, config.max_steps, slots, branches, device=self.device, dtype=dtype
        )
        self.texts = TextCache(config, slots, branches, device=self.device, dtype=dtype)
        helpers = _helpers() if quantize else None
        packed = partial(pack, quantize=quantize, helpers=helpers)
        with torch.inference_mode():
            self.encoder = Encoder(config, weights, packed)
            self.decoder = Decoder(config, weights, packed)
            self.decoder.hear_nothing(self.encoder(self.tensor([0])), self.texts)
            self.compiled = None if helpers is None else _compiled(self, helpers)

    @property
    def heard(self) -> list[bool]:
        """Which slots have a text."""
        return [length > 0 for length in self.texts.lengths]

    @torch.inference_mode()
    def hear(self, slot: int, text: bytes) -> None:
        """Give a slot its text, of at most `max_text` bytes."""
        self.decoder.hear(self.encoder(self.tensor(list(text))), self.texts, slot)

    def release(self, slot: int) -> None:
        """Forget a slot's text and what it was speaking."""
        self.cache.truncate(slot)
        self.texts.lengths[slot] = 0

    @torch.inference_mode()
    def prefill(self, slot: int, tokens: Tensor, *, logits: bool = True) -> Tensor:
        """Many known columns [time, codebooks] of one slot.

        The same as so many steps, in one pass: give at most `CHUNK`, or it takes much memory. Gives
        the logits [branches, time, codebooks, ids], or without `logits` the hidden states.
        """
        start, time = self.cache.filled[slot], len(tokens)
        positions = torch.arange(start, start + time, device=self.device)
        view = Chunk(self.cache, slot, time)
        columns = tokens.expand(self.branches, -1, -1)
        hidden = self.decoder(columns, positions, view, TextChunk(self.texts, slot))
        view.commit()
        return self.decoder.logits(hidden) if logits else hidden

    @torch.inference_mode()
    def step(self, tokens: Tensor, active: list[bool]) -> Tensor:
        """One column [slots, codebooks] for the active slots.

        Gives the logits [slots, branches, codebooks, ids]; those of other slots mean nothing.
        """
        if is_static(self.device):
            moving = torch.tensor(active, device=self.device)
            logits = self.fixed_step(tokens, moving, self.cache.entries)
        elif self.compiled is not None:
            logits = self.compiled(tokens, active)
            self.cache.lengths += torch.tensor(active)
        else:
            view = Step(self.cache, active)
            positions = torch.tensor(self.cache.filled)[:, None]
            columns = tokens[:, None].expand(-1, self.branches, -1)
            hidden = self.decoder(columns, positions, view, TextStep(self.texts, active))
            view.commit()
            logits = self.decoder.logits(hidden)
        self.cache.count(active)
        return logits

    def fixed_step(self, tokens: Tensor, active: Tensor, span: int) -> Tensor:
        """The same for the first slots in fixed shapes, over the first `span` entries of the cache.

        `active` [slots] says which of them move on. The host has to count that by itself.
        """
        view = FixedStep(self.cache, active, span)
        columns = tokens[:, None].expand(-1, self.branches, -1)
        heard = FixedTextStep(self.texts, len(active))
        hidden = self.decoder(columns, view.lengths[:, None].clone(), view, heard)
        view.commit()
        return self.decoder.logits(hidden)

    def blank(self) -> None:
        """Make numbers of all that a mask will hide: it is still multiplied by nought."""
        for each in (self.cache, self.texts):
            each.keys.zero_()
            each.values.zero_()

    @property
    def spans(self) -> list[int]:
        """How many entries of the cache a `fixed_step` may look at: those worth a graph each."""
        return doubling(SHORTEST, self.cache.entries)

    def tensor(self, numbers: list[int]) -> Tensor:
        """Whole numbers on the model's device."""
        return torch.tensor(numbers, device=self.device)


def _helpers() -> "Helpers | None":
    """For int8 weights in compiled loops, where there is Numba and a processor for it."""
    try:
        from tts.dia.network.compiled import new_helpers
    except ImportError as error:
        _log.info("Dia is slower without Numba: %s (%s)", pip_install("numba"), error)
        return None
    return new_helpers()


def _compiled(model: Model, helpers: "Helpers") -> "CompiledStep":
    from tts.dia.network.compiled import CompiledStep

    return CompiledStep(model.config, model.decoder, model.cache, model.texts, helpers)
