"""The decoder's step on a CPU with int8 weights, one compiled call (see `decoder_loops`)."""

import logging
import time

import numpy as np
import torch
from torch import Tensor

from tts.dia.network.config import DiaConfig
from tts.dia.network.decoder import Decoder
from tts.dia.network.decoder_loops import Net, State, step
from tts.dia.network.text_cache import TextCache
from tts.transformer.cpu.helpers import Helpers
from tts.transformer.cpu.int8 import Int8
from tts.transformer.cpu.int8_loops import supported
from tts.transformer.cpu.loops import ACTIVATIONS, Integers
from tts.transformer.kv_cache import Cache
from tts.transformer.linear import Linear

_HELPERS = 7  # more threads than these and the one that calls read no faster
_SLOW = 2.0  # seconds: a first call that takes longer compiles

_log = logging.getLogger(__name__)


def new_helpers() -> Helpers | None:
    """Who helps with int8 products, where there are compiled ones: as many as PyTorch would."""
    return Helpers(min(torch.get_num_threads() - 1, _HELPERS)) if supported() else None


class CompiledStep:
    """Makes a decoder's steps over its caches. Its matrices must be `Int8`."""

    def __init__(
        self, config: DiaConfig, decoder: Decoder, cache: Cache, texts: TextCache, helpers: Helpers
    ) -> None:
        """Compiles at its end, if this machine has not done so before: that takes seconds."""
        self.cache, self.texts, self.helpers = cache, texts, helpers
        self.shape = (config.codebooks, config.audio_vocab)
        self.offsets = decoder.offsets
        shape = config.decoder
        first, second = (ACTIVATIONS.index(name) for name in shape.activations)
        self.net = Net(
            matrices=np.stack([np.stack(_tables(layer.matrices)) for layer in decoder.layers]),
            head=_tables((decoder.head,))[0],
            table=decoder.table.numpy(),
            frequencies=decoder.rotary.frequencies.numpy(),
            widths=np.array([shape.hidden, shape.heads]),
            eps=config.decoder_eps,
            first=first,
            second=second,
            team=helpers.team,
        )
        begun = time.perf_counter()
        self(torch.zeros(len(cache.filled), config.codebooks, dtype=torch.int64), [])
        if (took := time.perf_counter() - begun) > _SLOW:
            _log.info("compiled Dia's loops in %.0f s; they are kept for the next time", took)

    def __call__(self, tokens: Tensor, active: list[bool]) -> Tensor:
        """As `Model.step`; what the cache gets does not count yet."""
        cache, texts = self.cache, self.texts
        slots, branches = cache.keys.shape[1:3]
        logits = torch.zeros(slots, branches, int(np.prod(self.shape)))
        state = State(
            slots=np.flatnonzero(active),
            columns=(tokens + self.offsets).numpy(),
            filled=np.array(cache.filled),
            keys=cache.keys.numpy(),
            values=cache.values.numpy(),
            heard_keys=texts.keys.numpy(),
            heard_values=texts.values.numpy(),
            heard=np.array(texts.lengths),
            reads=texts.reads.numpy(),
            logits=logits.numpy(),
        )
        with self.helpers.if_quicker():
            step(tuple(self.net), tuple(state))
        return logits.view(slots, branches, *self.shape)


def _tables(layers: tuple[Linear, ...]) -> list[Integers]:
    """Where the loops find matrices."""
    return [layer.matrix.table for layer in layers if isinstance(layer, Int8)]
