"""What was heard of which reply, from nothing but the recording of the agent's voice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.full_duplex.voices import RATE, Clip, Float32

FRAME = RATE // 200
"""Samples in which a gain is measured: 5 ms."""

_PROBE = RATE // 25  # samples by which a place in a reply is recognised
_SILENT = 1e-5
_PAUSE = RATE // 50  # samples: clips have no silence that long
_OTHER = 0.5  # the part of the power which the reply does not explain, where it is another sound


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a reply that was heard without a gap, from sample `start` of the recording on.

    It is `length` samples of `clip`, from its sample `position` on; `gains`: every 5 ms.
    """

    clip: Clip
    start: int
    position: int
    length: int
    gains: NDArray[np.float64]

    @property
    def begin(self) -> float:
        """When it began, in seconds of the recording."""
        return self.start / RATE

    @property
    def end(self) -> float:
        """When it ended."""
        return (self.start + self.length) / RATE

    def quieter_than(self, gain: float, after: float) -> float | None:
        """The first time from `after` on at which the gain was below `gain`."""
        for number, value in enumerate(self.gains):
            time = self.begin + number * FRAME / RATE
            if time >= after and value < gain:
                return time
        return None


def stretches(agent: Float32, spoken: Sequence[Clip]) -> list[Stretch]:
    """All that was heard of the replies `spoken`, in order."""
    found: list[Stretch] = []
    at = 0
    while (begin := _next_sound(agent, at)) is not None:
        place = _locate(agent[begin : begin + 2 * _PROBE], spoken)
        if place is None:  # a fade, or a sound that is no reply
            at = begin + FRAME
            continue
        clip, position = place
        stretch = _follow(agent, begin, clip, position)
        if stretch.length > FRAME:
            found.append(stretch)
        at = begin + max(FRAME, stretch.length)
    return found


def _next_sound(agent: Float32, at: int) -> int | None:
    """The next sample that is not silent."""
    size = RATE
    for start in range(at, len(agent), size):
        loud = np.flatnonzero(np.abs(agent[start : start + size]) > _SILENT)
        if len(loud):
            return start + int(loud[0])
    return None


def _locate(heard: Float32, spoken: Sequence[Clip]) -> tuple[Clip, int] | None:
    """The reply, and the place in it, that the beginning of `heard` is like."""
    skipped = RATE // 400  # the fade-in
    probe = heard[skipped : skipped + _PROBE].astype(np.float64)
    energy = float(np.sum(probe**2))
    if len(probe) < _PROBE or not energy:
        return None
    best = 1 - _OTHER
    place: tuple[Clip, int] | None = None
    for clip in spoken:
        if len(clip.pcm) <= len(probe):
            continue
        pcm = clip.pcm.astype(np.float64)
        size = 1 << (len(pcm) + len(probe)).bit_length()
        product = np.fft.rfft(pcm, size) * np.conj(np.fft.rfft(probe, size))
        matches = np.fft.irfft(product, size)[: len(pcm) - len(probe) + 1]
        sums = np.concatenate([[0.0], np.cumsum(pcm**2)])
        energies = sums[len(probe) :] - sums[: -len(probe)]
        likeness = np.sign(matches) * matches**2 / (energies * energy + 1e-12)
        likeness[energies < 1e-6 * len(probe)] = 0
        at = int(np.argmax(likeness))
        if likeness[at] > best + 1e-6:
            best, place = float(likeness[at]), (clip, max(0, at - skipped))
    return place


def _follow(agent: Float32, begin: int, clip: Clip, position: int) -> Stretch:
    """How far the recording goes on as the reply does, and how loud."""
    gains: list[float] = []
    length = min(len(clip.pcm) - position, len(agent) - begin)
    for start in range(0, length, FRAME):
        size = min(FRAME, length - start)
        heard = agent[begin + start : begin + start + size].astype(np.float64)
        wanted = clip.pcm[position + start : position + start + size].astype(np.float64)
        gain = float(np.sum(heard * wanted)) / max(float(np.sum(wanted**2)), 1e-12)
        rest = float(np.sum((heard - gain * wanted) ** 2))
        silent = np.abs(heard).max() <= _SILENT and np.abs(wanted).max() > 10 * _SILENT
        other = rest > _OTHER * float(np.sum(heard**2)) + 1e-7 * size
        if (silent or other) and start:
            length = start + _last_alike(heard, wanted, gains[-1])
            break
        gains.append(gain)
    return Stretch(clip, begin, position, length, np.array(gains))


def _last_alike(heard: NDArray[np.float64], wanted: NDArray[np.float64], gain: float) -> int:
    """How many samples of a frame are still the reply's."""
    different = np.flatnonzero(np.abs(heard - gain * wanted) > 1e-3 * max(gain, 0.01))
    return int(different[0]) if len(different) else len(heard)
