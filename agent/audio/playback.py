"""The queue between a reply and whatever plays it, and the count of what was really played.

Two sides meet here. On the loop a reply is a `Track`: write, drain, stop. On the driver's side (a
sound card's callback thread, a file, a remote listener) `Playback.render` fills one block after
another. They share rings and single attributes, so the driver never waits for the loop.
"""

from collections import deque
from math import ceil
from threading import Lock

import anyio
import anyio.lowlevel
import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent.audio.resample import Resampler
from agent.audio.ring import Ring
from agent.audio.wakeup import Wakeup
from agent.events import Audio

_QUEUE = 1.0  # seconds of a reply that may lie ahead of the speaker
_SLICE = 0.1  # seconds resampled at once: the loop is never held for long
_FADE_IN = 0.002
_FADE_OUT = 0.005
_MONITOR = 4.0  # seconds that a monitor may lag behind


class Track:
    """One reply on its way to the speaker, at the reply's own sample rate.

    One task writes and drains. A task that is cancelled while writing has left a hole: stop the
    track then.
    """

    def __init__(self, sample_rate: int, device_rate: int, prebuffer: float) -> None:
        self.sample_rate = sample_rate
        self._device_rate = device_rate
        self._prebuffer = max(1, int(prebuffer * device_rate))
        self._ring = Ring(int(_QUEUE * device_rate) + self._prebuffer)
        self._resampler = Resampler(sample_rate, device_rate, "high")
        self._wakeup = Wakeup()
        self._written = 0  # samples at our rate
        self._handed = 0  # samples at the device's rate
        self._ended = False  # all there will be is in the ring
        self._stopped = False
        self._stopping = Lock()
        self._started_at: float | None = None
        self._until = 0.0  # when the last sample handed over has left the speaker

    @property
    def played(self) -> int:
        """Samples, at the track's rate, handed to the device: final as soon as `stop` returns.

        Gaps and the wait for the prebuffer do not count.
        """
        if self._ended and not self._ring.readable:
            return self._written
        # The resampler keeps time, so this many of our samples lie before the last one handed over.
        return min(self._written, ceil(self._handed * self.sample_rate / self._device_rate))

    async def write(self, pcm: ArrayLike) -> None:
        """Queue float32 samples [n]; waits while more than about a second is queued.

        Does nothing on a track that has been stopped.
        """
        samples = np.asarray(pcm, np.float32)
        size = max(1, int(_SLICE * self.sample_rate))
        for start in range(0, len(samples), size):
            await anyio.lowlevel.checkpoint()
            if self._stopped:
                return
            part = samples[start : start + size]
            self._written += len(part)
            await self._queue(self._resampler.process(part))

    async def drain(self) -> None:
        """Say that no more will come, and return when the last sample has left the speaker.

        Also returns when the track is stopped.
        """
        await anyio.lowlevel.checkpoint()
        await self._queue(self._resampler.flush())
        self._ended = not self._stopped
        self._wakeup.set()  # for `started`, should there be nothing to play
        while self._ring.readable and not self._stopped:
            await self._wakeup.wait()
        with anyio.CancelScope(deadline=self._until):
            while self._handed and not self._stopped:
                await self._wakeup.wait()

    def stop(self) -> None:
        """Drop what is queued: the next rendered block fades out and no sample comes after it.

        From any thread, in any state, as often as you like; `write` and `drain` return.
        """
        # The lock is held while samples are handed over, which takes microseconds: a block is
        # either counted in `played` when this returns, or never heard.
        with self._stopping:
            self._stopped = True
        self._wakeup.set()

    async def started(self) -> float | None:
        """Wait for the first sample: the `anyio.current_time()` at which it leaves the speaker.

        None when the track was stopped, or drained empty, before that.
        """
        await anyio.lowlevel.checkpoint()
        while self._started_at is None:
            if self._stopped or (self._ended and not self._ring.readable):
                return None
            await self._wakeup.wait()
        return self._started_at

    async def _queue(self, pcm: NDArray[np.float32]) -> None:
        while len(pcm) and not self._stopped:
            pcm = pcm[self._ring.write(pcm) :]
            if len(pcm):
                await self._wakeup.wait()

    def _ready(self) -> bool:
        """Driver: whether to start, or to go on after a gap."""
        wanted = 1 if self._ended else self._prebuffer
        return self._ring.readable >= wanted and not self._stopped

    def _take(self, out: NDArray[np.float32], when: float) -> int:
        """Driver: fill the front of `out`, heard at `when`; how many samples, none if stopped."""
        # The driver never waits: if the lock is taken, stop() has it.
        if not self._stopping.acquire(blocking=False):
            return 0
        try:
            count = 0 if self._stopped else min(self._ring.readable, len(out))
            if count:
                # Before the ring is seen to be empty, everything else about it is true.
                if self._started_at is None:
                    self._started_at = when
                self._until = when + count / self._device_rate
                self._handed += count
                self._ring.read(out[:count])
        finally:
            self._stopping.release()
        self._wakeup.set()
        return count


class Playback:
    """What a speaker plays: tracks one after another, silence in between, never a click.

    `sample_rate` is the device's; `prebuffer` seconds are gathered before a track starts and
    again after it has run dry. `underruns` counts the gaps inside tracks.
    """

    def __init__(self, sample_rate: int, *, prebuffer: float = 0.08) -> None:
        self.sample_rate = sample_rate
        self.underruns = 0
        self._prebuffer = prebuffer
        self._track: Track | None = None
        self._monitors: tuple[Monitor, ...] = ()
        # The driver's own: what sounds now, how far its edges are, the last sample before a fade.
        self._sounding: Track | None = None
        self._rise = _slope(_FADE_IN, sample_rate)
        self._fall = _slope(_FADE_OUT, sample_rate)[::-1].copy()
        self._risen = 0
        self._fallen = len(self._fall)
        self._last = 0.0

    def open(self, sample_rate: int) -> Track:
        """A new track for a reply at `sample_rate` Hz; the one before it is stopped."""
        if self._track is not None:
            self._track.stop()
        self._track = Track(sample_rate, self.sample_rate, self._prebuffer)
        return self._track

    def monitor(self) -> "Monitor":
        """A tap on everything that is rendered from now on, silence included."""
        monitor = Monitor(self)
        self._monitors = (*self._monitors, monitor)
        return monitor

    def render(self, out: NDArray[np.float32], when: float) -> None:
        """Driver: fill the block `out` [n], whose first sample leaves the speaker at `when`.

        `when` is in seconds of `anyio.current_time()`. Fit for a real-time callback: no waiting,
        logging or resampling, no arrays made.
        """
        filled = 0
        while filled < len(out):
            filled += self._fill(out[filled:], when + filled / self.sample_rate)
        for monitor in self._monitors:
            monitor._tap(out, when)

    def _fill(self, out: NDArray[np.float32], when: float) -> int:
        """One stretch of a fade, of silence or of sound; how long it was."""
        if self._fallen < len(self._fall):
            return self._fade_out(out)
        if self._sounding is None:
            track = self._track
            if track is None or not track._ready():
                out[:] = 0
                return len(out)
            self.underruns += track._started_at is not None
            self._sounding = track
            self._risen = 0
        count = self._sounding._take(out, when)
        self._fade_in(out[:count])
        if count:
            self._last = float(out[count - 1])
        if count < len(out):  # stopped, run dry, or at its end
            self._sounding = None
            self._fallen = 0
        return count

    def _fade_in(self, out: NDArray[np.float32]) -> None:
        slope = self._rise[self._risen : self._risen + len(out)]
        out[: len(slope)] *= slope
        self._risen += len(slope)

    def _fade_out(self, out: NDArray[np.float32]) -> int:
        """Let the last sample die away: a track that has nothing more to give does not click."""
        slope = self._fall[self._fallen : self._fallen + len(out)]
        np.multiply(slope, self._last, out=out[: len(slope)])
        self._fallen += len(slope)
        if self._fallen == len(self._fall):
            self._last = 0.0
        return len(slope)


class Monitor:
    """What was rendered, as an async iterator of `Audio`; `time` is when it leaves the speaker.

    After `close` it gives what it has and ends. A monitor that nobody reads loses whole blocks,
    counted in `dropped` (samples) and seen as jumps in `time`.
    """

    def __init__(self, playback: Playback) -> None:
        self.dropped = 0
        self._playback = playback
        self._ring = Ring(int(_MONITOR * playback.sample_rate))
        self._blocks: deque[tuple[int, float]] = deque()
        self._wakeup = Wakeup()
        self._closed = False

    def close(self) -> None:
        """Tap no more."""
        self._closed = True
        self._playback._monitors = tuple(m for m in self._playback._monitors if m is not self)
        self._wakeup.set()

    def __aiter__(self) -> "Monitor":
        return self

    async def __anext__(self) -> Audio:
        await anyio.lowlevel.checkpoint()
        while not self._blocks:
            if self._closed:
                raise StopAsyncIteration
            await self._wakeup.wait()
        count, when = self._blocks.popleft()
        pcm = np.empty(count, np.float32)
        self._ring.read(pcm)
        return Audio(pcm, self._playback.sample_rate, when)

    def _tap(self, out: NDArray[np.float32], when: float) -> None:
        if self._ring.writable < len(out):
            self.dropped += len(out)
            return
        self._ring.write(out)
        self._blocks.append((len(out), when))
        self._wakeup.set()


def _slope(seconds: float, sample_rate: int) -> NDArray[np.float32]:
    """From 0 up to just below 1 along half a cosine."""
    length = max(1, int(seconds * sample_rate))
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(length) / length)).astype(np.float32)
