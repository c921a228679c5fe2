"""What a voice needs of a codec: Mimi's, or Dia's."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class Quantizer(Protocol):
    """The part with the codebooks."""

    @property
    def table(self) -> Tensor:
        """All entries of all codebooks, the first one's first, [entries, dimensions]."""

    @property
    def size(self) -> int:
        """Entries of one codebook."""


class Codec(Protocol):
    """Makes codes of sound, and sound of codes."""

    @property
    def sample_rate(self) -> int:
        """Of the sound, in Hz."""

    @property
    def frame_rate(self) -> float:
        """Frames of codes a second."""

    @property
    def frame_size(self) -> int:
        """Samples a frame."""

    @property
    def codebooks(self) -> int:
        """Codes a frame."""

    @property
    def quantizer(self) -> Quantizer:
        """The part with the codebooks."""

    def encode(self, wave: NDArray[np.float32]) -> Tensor:
        """A waveform [samples] to codes [codebooks, frames]."""

    def decode(self, codes: NDArray[np.int32]) -> Tensor:
        """Codes [codebooks, frames] to a waveform [samples]."""
