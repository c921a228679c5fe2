"""What the tests of Dia2's network share."""

from pathlib import Path
from typing import Any

import torch

from bench.dia2_verify.published import PublishedSequence
from tts.dia2.network import config_json
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.model import ReferenceModel
from tts.dia2.network.sampling import random_numbers
from tts.dia2.serving.sequence import Sequence
from tts.dia2.text.script import Entry

torch.set_num_threads(1)  # these networks are too small to share out


def load_model(folder: Path, **options: Any) -> ReferenceModel:
    """The model in a folder; `options` as those of `Model`."""
    config = config_json.read(folder / "config.json")
    return ReferenceModel(config, folder / "model.safetensors", **options)


def words(*sizes: int) -> list[Entry]:
    """Words of so many tokens each; 0 stands for a pause."""
    return [
        Entry(tuple(range(20 + n, 20 + n + size)), f"word{n}" if size else "", size or 4)
        for n, size in enumerate(sizes)
    ]


def make_sequence(
    config: Dia2Config, seed: int = 0, *, published: bool = False, **options: Any
) -> Sequence:
    """A sequence with random draws of its own."""
    numbers = random_numbers(seed, config.max_steps, config.codebooks)
    kind = PublishedSequence if published else Sequence
    return kind(config, bos=1, uniforms=numbers, **options)
