"""Resampling block by block, as if the signal had been converted whole."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

# What soxr holds back to see both sides of a sample: about 6 ms (light) and 30 ms (high) at 48 kHz.
_QUALITY = {"light": "LQ", "high": "HQ"}


def resample(pcm: ArrayLike, source: int, target: int) -> NDArray[np.float32]:
    """Convert all of a signal, float32 [n], from `source` Hz to `target` Hz."""
    resampler = Resampler(source, target, "high")
    return np.concatenate((resampler.process(pcm), resampler.flush()))


class Resampler:
    """A stream of mono float32 from `source` Hz to `target` Hz; the same samples if they are equal.

    `light` is for the microphone, where latency counts, `high` for speech that is played. The
    output is aligned in time with the input: output sample k is the signal at k / `target` s.
    """

    def __init__(self, source: int, target: int, quality: Literal["light", "high"]) -> None:
        self._stream: Any = None
        if source != target:
            import soxr

            self._stream = soxr.ResampleStream(
                source, target, 1, dtype="float32", quality=_QUALITY[quality]
            )

    def process(self, pcm: ArrayLike) -> NDArray[np.float32]:
        """Convert the next samples [n]; the result may be empty: the resampler looks ahead."""
        samples = np.ascontiguousarray(pcm, np.float32)
        if self._stream is None:
            return samples
        converted: NDArray[np.float32] = self._stream.resample_chunk(samples)
        return converted

    def flush(self) -> NDArray[np.float32]:
        """Return the tail that was held back; afterwards the stream starts anew."""
        rest = np.zeros(0, np.float32)
        if self._stream is not None:
            rest = self._stream.resample_chunk(rest, last=True)
            self._stream.clear()
        return rest
