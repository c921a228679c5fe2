"""A stranger's `config.json` of the codec: every key of `DacConfig` with its kind and limits."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tts.codec.config_json import Count, document, parse
from tts.dia.codec.config import DacConfig

Document = document(DacConfig, hidden_size=(Count | None, None), hop_length=(Count | None, None))


def read(folder: Path) -> DacConfig:
    """Read and check a folder's `config.json`. Raises TextToSpeechError."""
    return parse(folder, "DAC", Document, DacConfig.from_json, _needs)


def _needs(config: DacConfig, data: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """What the layers compute, and whether it is asked: nothing else is computed instead."""
    ratios = config.downsampling_ratios + config.upsampling_ratios
    yield "even ratios", all(ratio % 2 == 0 for ratio in ratios)
    hop = math.prod(config.downsampling_ratios)
    yield "as many samples a frame both ways", config.hop == hop
    yield "hop_length as the ratios", data.get("hop_length") in (None, hop)
    width = config.hidden_size
    yield "hidden_size as the ratios", data.get("hidden_size") in (None, width)
    halvings = len(config.upsampling_ratios)
    halved = config.decoder_hidden_size % (1 << halvings) == 0
    yield "decoder_hidden_size that can be halved at each ratio", halved
