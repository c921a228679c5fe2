"""Dia2 whole, at its real sizes with random weights, made in memory: network, codec, tokenizer.

Needs torch, numpy and safetensors alone: words become ids without a tokenizer's files.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch

from bench import dia2_sizes as sizes
from tests.tts.dia2.mimi.plain_mimi import TINY, RandomWeights
from tts.dia2.bundle import Bundle
from tts.dia2.fast.gpu.graphs import capture
from tts.dia2.fast.select import select_attention, select_model
from tts.dia2.mimi.codec import Mimi
from tts.dia2.mimi.config import MimiConfig
from tts.dia2.network.config import Dia2Config
from tts.dia2.serving.windows import Prefix
from tts.dia2.text.prefix import Part, plan
from tts.dia2.text.script import TAGS
from tts.dia2.text.tokenizer import Tokenizer
from tts.voices.word import Word


@dataclass(frozen=True)
class Words:
    """Stands where a tokenizer's model does: two ids for a word, one for a speaker's tag."""

    vocabulary: int

    def encode(self, text: str, *, add_special_tokens: bool) -> SimpleNamespace:
        del add_special_tokens
        ids: list[int] = []
        for word in text.split():
            if word in TAGS:
                ids.append(self.vocabulary - 2 + TAGS.index(word))
            else:
                ids += (20 + len(word), 50 + sum(word.encode()) % 100)
        return SimpleNamespace(ids=ids)


def tokenizer(config: Dia2Config) -> Tokenizer:
    """One for a vocabulary of this size."""
    size = config.text_vocab
    return Tokenizer(cast(Any, Words(size)), 1, (size - 2, size - 1), has_speakers=True)


def codec(size: str, device: torch.device) -> Mimi:
    """A codec of the real size, but for the tiny model."""
    codebooks = sizes.config(size).codebooks
    config = MimiConfig(**{**TINY, "num_quantizers": codebooks}) if size == "tiny" else MimiConfig()
    with torch.inference_mode():
        return Mimi(RandomWeights(0, str(device)), config, codebooks, select_attention(device))


def make_bundle(size: str, device: torch.device, dtype: torch.dtype, slots: int = 1) -> Bundle:
    """What `Bundle.load` gives, its graphs captured if it is on a GPU."""
    config = sizes.config(size)
    weights = sizes.RandomWeights(config, device, dtype)
    model = select_model(config, weights, device=device, dtype=dtype, slots=slots, branches=2)
    graphs = capture(model)
    words = tokenizer(config)
    mimi = codec(size, device)
    return Bundle(config, words, model, mimi, source=size, fingerprint=size, graphs=graphs)


def voice(bundle: Bundle, seconds: float) -> Prefix:
    """A voice of noise that says two words a second."""
    rate = bundle.frame_rate
    said = int(2 * (seconds - 1))
    words = tuple(Word(f"word{n}", n / 2, n / 2 + 0.4) for n in range(said))
    frames = round(seconds * rate)
    codes = np.random.default_rng(0).integers(0, 64, (bundle.config.codebooks, frames))
    return Prefix(plan([Part(0, words, frames)], bundle.tokenizer, rate), codes.astype(np.int32))
