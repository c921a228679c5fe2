"""An engine's sample rate, as it says, and the way from one engine's rate to another's."""

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.engines.border import Border

LOWEST, HIGHEST = 4000, 384000
"""In Hz."""


def checked_rate(border: Border, ask: Callable[[], int]) -> int:
    """Return the rate that the engine gives. Raises its protocol's error for what is none."""
    with border.failing():
        rate = ask()
        if isinstance(rate, Real) and LOWEST <= rate <= HIGHEST:
            return int(rate)
    raise border.failure(f"{border.name} says that its sample rate is {rate!r:.80}, which is none")


class RateConverter:
    """A stream of mono float32 from `source` Hz to `target` Hz, for an engine that stands in.

    `agent.audio.resample` stands above the engines.
    """

    def __init__(self, source: int, target: int) -> None:
        self._stream: Any = None
        if source != target:
            import soxr

            self._stream = soxr.ResampleStream(source, target, 1, dtype="float32", quality="HQ")

    def process(self, pcm: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """Convert the next samples [n]; the result may be empty: the resampler looks ahead."""
        if self._stream is None:
            return pcm
        converted: NDArray[np.float32] = self._stream.resample_chunk(pcm, last=last)
        return converted
