"""Samples from outside: whatever a device, a program or an engine calls sound is made sound."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

INT16 = 32768.0
"""Full scale of 16-bit samples."""

_OVERDRIVEN = 2.0  # peak, 6 dB too loud: said. A resampler's overshoot is less.
_CALM = 16000  # samples


class SampleGuard:
    """Makes finite float32 samples in [-1, 1] of a stream of blocks; says once what was wrong.

    What is not finite becomes silence, and what is too loud is clipped. A block of which most is
    far beyond full scale, as far as 16 bits go, shows that nobody divided it: from there on samples
    are divided by 32768, until they have been within [-1, 1], and between whole numbers, for a
    while (16,000 samples): one wild block leaves nobody deaf.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        """`tell` is called once for each kind of fault, with a clause for people."""
        self._tell = tell
        self._told: set[str] = set()
        self._scale = 1.0
        self._calm = 0  # samples in a row that contradict the scale

    def __call__(self, pcm: ArrayLike) -> NDArray[np.float32]:
        """Return the next samples [n] as they should be: the same array if they are.

        Raises ValueError, which names the shape or the type, when they are no samples at all.
        """
        samples = as_samples(pcm)
        if self._scale == 1.0 and _peak(samples) <= 1.0:  # false for NaN
            return samples
        if not np.isfinite(samples).all():
            what = "gives samples that are no numbers (NaN or infinite): they are silenced"
            self._say("finite", what)
            samples = np.nan_to_num(samples, posinf=0.0, neginf=0.0)
        self._find_scale(samples)
        peak = _peak(samples) / self._scale
        if peak > _OVERDRIVEN:
            what = f"is too loud, up to {peak:.3g} where full scale is 1: it is clipped"
            self._say("loud", what)
        clipped: NDArray[np.float32] = np.clip(samples / np.float32(self._scale), -1, 1)
        return clipped

    def _find_scale(self, samples: NDArray[np.float32]) -> None:
        loud = np.abs(samples)
        if self._scale == 1.0:
            most = 2 * np.count_nonzero(loud > _OVERDRIVEN) > len(loud)
            if most and loud.max() <= INT16:
                what = "gives samples at the scale of 16 bits: they are divided by 32768"
                self._say("scale", what)
                self._scale, self._calm = INT16, 0
        elif loud.max(initial=0) > 1:
            self._calm = 0
        elif (samples % 1).any():
            self._calm += len(samples)
            if self._calm >= _CALM:
                self._scale = 1.0

    def _say(self, kind: str, what: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._tell(what)


def finite(pcm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return samples with silence for what is no number, and in [-1, 1]: the same array if so."""
    if _peak(pcm) <= 1.0:
        return pcm
    clipped: NDArray[np.float32] = np.clip(np.nan_to_num(pcm, posinf=0.0, neginf=0.0), -1, 1)
    return clipped


def as_samples(pcm: ArrayLike) -> NDArray[np.float32]:
    """Return mono samples [n] of any float type as float32; those beyond it become infinite.

    Raises ValueError that says what they are instead.
    """
    samples = np.asarray(pcm)
    if samples.dtype == np.float32 and samples.ndim == 1:
        return samples
    if samples.dtype.kind != "f":
        raise ValueError(
            f"the type is {samples.dtype}, not float32: divide 16-bit samples by 32768"
        )
    if samples.ndim != 1:
        raise ValueError(f"the shape is {samples.shape}, not (n,): one channel of n samples")
    with np.errstate(over="ignore"):
        return samples.astype(np.float32, copy=False)


def _peak(samples: NDArray[np.float32]) -> float:
    return float(np.abs(samples).max(initial=0))
