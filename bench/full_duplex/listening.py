"""What was heard of which reply, from nothing but the recording of the agent's voice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.full_duplex.voices import RATE, Clip, Float32

FRAME = RATE // 200
"""Samples in which a gain is measured: 5 ms."""

_PROBE = RATE // 25  # samples by which a place in a reply is recognised
_FADE_IN = RATE // 400
_OTHER = 0.5  # the part of the power which the reply does not explain, where it is another sound
_SOFT = np.hanning(15) / np.hanning(15).sum()


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


def stretches(agent: Float32, spoken: Sequence[Clip], *, exact: bool = True) -> list[Stretch]:
    """All that was heard of the replies `spoken`, in order.

    Not `exact`: the recording went through sound cards, so its samples lie between those of the
    replies. Then only what is below 1.5 kHz is compared, where that makes no difference.
    """
    return _Listener(agent, spoken, exact=exact).listen()


class _Listener:
    def __init__(self, agent: Float32, spoken: Sequence[Clip], *, exact: bool) -> None:
        self._exact = exact
        self._silent = 1e-5 if exact else 1e-3
        self._agent = self._heard(agent)
        self._spoken = [(clip, self._heard(clip.pcm)) for clip in spoken if len(clip.pcm) > _PROBE]

    def listen(self) -> list[Stretch]:
        found: list[Stretch] = []
        at = 0
        while (begin := self._next_sound(at)) is not None:
            place = self._locate(begin)
            if place is None:  # a fade, or a sound that is no reply
                at = begin + FRAME
                continue
            stretch = self._follow(begin, *place)
            if stretch.length > FRAME:
                found.append(stretch)
            at = begin + max(FRAME, stretch.length)
        return found

    def _heard(self, pcm: Float32) -> NDArray[np.float64]:
        samples = pcm.astype(np.float64)
        return samples if self._exact else np.convolve(samples, _SOFT, "same")

    def _next_sound(self, at: int) -> int | None:
        """The next sample that is not silent."""
        for start in range(at, len(self._agent), RATE):
            loud = np.flatnonzero(np.abs(self._agent[start : start + RATE]) > self._silent)
            if len(loud):
                return start + int(loud[0])
        return None

    def _locate(self, begin: int) -> tuple[int, int] | None:
        """Which reply, and which sample of it, what begins there is like."""
        probe = self._agent[begin + _FADE_IN : begin + _FADE_IN + _PROBE]
        energy = float(np.sum(probe**2))
        if len(probe) < _PROBE or np.abs(probe[_PROBE // 2 :]).max() <= self._silent:
            return None  # a fade-out, or the end
        best = 1 - _OTHER
        place: tuple[int, int] | None = None
        for number, (_, pcm) in enumerate(self._spoken):
            size = 1 << (len(pcm) + _PROBE).bit_length()
            product = np.fft.rfft(pcm, size) * np.conj(np.fft.rfft(probe, size))
            matches = np.fft.irfft(product, size)[: len(pcm) - _PROBE + 1]
            sums = np.concatenate([[0.0], np.cumsum(pcm**2)])
            energies = sums[_PROBE:] - sums[:-_PROBE]
            likeness = np.sign(matches) * matches**2 / (energies * energy + 1e-12)
            likeness[energies < 1e-6 * _PROBE] = 0
            at = int(np.argmax(likeness))
            if likeness[at] > best + 1e-6:
                best, place = float(likeness[at]), (number, max(0, at - _FADE_IN))
        return place

    def _follow(self, begin: int, number: int, position: int) -> Stretch:
        """How far the recording goes on as the reply does, and how loud."""
        clip, pcm = self._spoken[number]
        gains: list[float] = []
        length = min(len(pcm) - position, len(self._agent) - begin)
        for start in range(0, length, FRAME):
            size = min(FRAME, length - start)
            heard = self._agent[begin + start : begin + start + size]
            wanted = pcm[position + start : position + start + size]
            gain = float(np.sum(heard * wanted)) / max(float(np.sum(wanted**2)), 1e-12)
            rest = float(np.sum((heard - gain * wanted) ** 2))
            silent = np.abs(heard).max() <= self._silent < np.abs(wanted).max() / 10
            other = rest > _OTHER * float(np.sum(heard**2)) + size * self._silent**2 * 1e3
            if start and (silent or other):
                length = self._refined(begin, pcm[position:], start, gains)
                break
            gains.append(gain)
        return Stretch(clip, begin, position, length, np.array(gains))

    def _refined(
        self, begin: int, pcm: NDArray[np.float64], length: int, gains: list[float]
    ) -> int:
        """To the sample how long it was, when it ended in the last of its frames or the next."""
        first = length - FRAME
        if not self._exact or first < FRAME:
            return length
        heard = self._agent[begin + first : begin + length + FRAME]
        wanted = pcm[first : first + len(heard)]
        gain = gains[-2]
        if abs(gains[-1] - gain) > 0.01 * abs(gain):
            gains.pop()  # a part of it was silent, or it was being ducked: then 5 ms are missing
        different = np.flatnonzero(np.abs(heard[: len(wanted)] - gain * wanted) > 1e-3 * abs(gain))
        return first + (int(different[0]) if len(different) else 2 * FRAME)
