"""Resampling block by block, as if the signal had been converted whole."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent.audio.polyphase import Polyphase

# What soxr holds back to see both sides of a sample, and hands on 20 ms at a time: up to 20 ms
# (light) and 37 ms (high).
_QUALITY = {"light": "LQ", "high": "HQ"}


def resample(pcm: ArrayLike, source: int, target: int) -> NDArray[np.float32]:
    """Convert all of a signal, float32 [n], from `source` Hz to `target` Hz."""
    resampler = Resampler(source, target, "high")
    return np.concatenate((resampler.process(pcm), resampler.flush()))


class Resampler:
    """A stream of mono float32 from `source` Hz to `target` Hz; the same samples if they are equal.

    `quick` is for the microphone, where latency counts: every block gives as many samples as it
    lasts, which are `delay` samples late, 1 to 3 ms. `light` is for where it counts less, `high`
    for speech that is played: they hold back what they need, and their output is aligned in time
    with the input, sample k is the signal at k / `target` s.
    """

    def __init__(
        self, source: int, target: int, quality: Literal["quick", "light", "high"]
    ) -> None:
        self._stream: Any = None
        self._quick = Polyphase(source, target) if source != target and quality == "quick" else None
        if source != target and self._quick is None:
            import soxr

            self._stream = soxr.ResampleStream(
                source, target, 1, dtype="float32", quality=_QUALITY[quality]
            )

    @property
    def delay(self) -> int:
        """How many samples late the output is: output k is the signal at (k - delay) / target s."""
        return 0 if self._quick is None else self._quick.delay

    def process(self, pcm: ArrayLike) -> NDArray[np.float32]:
        """Convert the next samples [n]; the result may be empty: the resampler looks ahead."""
        samples = np.ascontiguousarray(pcm, np.float32)
        if self._quick is not None:
            return self._quick.process(samples)
        if self._stream is None:
            return samples
        converted: NDArray[np.float32] = self._stream.resample_chunk(samples)
        return converted

    def flush(self) -> NDArray[np.float32]:
        """Return the tail that was held back; afterwards the stream starts anew."""
        rest = np.zeros(0, np.float32)
        if self._quick is not None:
            return self._quick.flush()
        if self._stream is not None:
            rest = self._stream.resample_chunk(rest, last=True)
            self._stream.clear()
        return rest
