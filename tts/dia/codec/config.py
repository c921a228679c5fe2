"""What the codec says about itself, in `config.json` as `transformers` writes it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class DacConfig:
    """The codec's sizes, under the names of `config.json`; absent keys mean dac_44khz's value."""

    sampling_rate: int = 44_100
    encoder_hidden_size: int = 64
    downsampling_ratios: list[int] = field(default_factory=lambda: [2, 4, 8, 8])
    decoder_hidden_size: int = 1536
    upsampling_ratios: list[int] = field(default_factory=lambda: [8, 8, 4, 2])
    n_codebooks: int = 9
    codebook_size: int = 1024
    codebook_dim: int = 8

    @property
    def hidden_size(self) -> int:
        """Width of the latents between encoder and decoder."""
        width: int = self.encoder_hidden_size << len(self.downsampling_ratios)
        return width

    @property
    def hop(self) -> int:
        """Samples per frame of codes."""
        return math.prod(self.upsampling_ratios)

    @property
    def look_ahead(self) -> int:
        """Samples before the end of what is decoded that the next frames still change."""
        frames = self.hop  # of any number that is large enough
        ready = frames - KERNEL // 2
        for ratio in self.upsampling_ratios:
            ready = ready * ratio - ratio // 2 - sum(DILATIONS) * (KERNEL // 2)
        return frames * self.hop - (ready - KERNEL // 2)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Take a parsed `config.json`.

        Nothing is checked: `tts.dia.codec.config_json.read` does that for a stranger's file.
        """
        names = {each.name for each in fields(cls)}
        return cls(**{key: data[key] for key in names & data.keys() if data[key] is not None})


KERNEL = 7
"""Taps of the convolutions that keep the rate, but for two: 1 in a residual, 3 before the codes."""
DILATIONS = (1, 3, 9)
"""Of the residuals after each change of the rate."""
