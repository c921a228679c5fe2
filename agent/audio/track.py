"""A track: one reply on its way to the speaker, and the count of what was played of it.

The loop's side writes, drains, holds, releases and stops; the driver's side (a sound card's
callback, a file, a remote listener) takes. They share a ring and single attributes, so the driver
never waits for the loop.
"""

from collections.abc import Callable
from math import ceil
from threading import Lock

import anyio
import anyio.lowlevel
import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent.audio.resample import Resampler
from agent.audio.ring import Ring
from agent.audio.wakeup import Wakeup

_QUEUE = 1.0  # seconds of a reply that may lie ahead of the speaker
_KEEP = 3.0  # seconds behind it that `release` can go back
_SLICE = 0.1  # seconds resampled at once: the loop is never held for long


class Track:
    """A reply's sound, at the reply's own sample rate; made by `Playback.open`.

    One task writes and drains. A task that is cancelled while writing has left a hole: stop the
    track then.
    """

    delivers = False

    def __init__(
        self,
        sample_rate: int,
        device_rate: int,
        prebuffer: float,
        play: Callable[["Track"], None],
        *,
        held: bool,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        """`play` is told of the track when it is released: from now on it is the one to play.

        `ready` is called when its first sample could be played.
        """
        self.sample_rate = sample_rate
        self._device_rate = device_rate
        self._prebuffer = max(1, int(prebuffer * device_rate))
        capacity = int(_QUEUE * device_rate) + self._prebuffer
        self._ring = Ring(capacity, keep=int(_KEEP * device_rate))
        self._resampler = Resampler(sample_rate, device_rate, "high")
        self._play = play
        self._ready = ready
        self._wakeup = Wakeup()
        self._written = 0  # samples at our rate
        self._ended = False  # all there will be is in the ring
        self._held = held
        self._stopped = False
        self._handing = Lock()
        self._broken = False  # what comes next does not follow what was played last
        self.dry = False
        """Driver: whether there was less to take than was asked for, before the end."""
        self._started_at: float | None = None
        self._until = 0.0  # when the last sample handed over has left the speaker

    @property
    def held(self) -> bool:
        """Whether it waits for `release`."""
        return self._held

    @property
    def played(self) -> int:
        """The position, in samples at the track's rate: all before it was handed to the device.

        Final as soon as `stop` or `hold` returns. Gaps, the wait for the prebuffer and what was
        taken back by `release` do not count.
        """
        return self._at_our_rate(self._ring.position)

    @property
    def furthest(self) -> int:
        """The highest `played` that there was: what has been heard, once or twice."""
        return self._at_our_rate(self._ring.furthest)

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

        Of a held track that is after its release. Also returns when the track is stopped.
        """
        await anyio.lowlevel.checkpoint()
        await self._queue(self._resampler.flush())
        self._ended = not self._stopped
        self._tell_ready()
        self._wakeup.set()  # for `started`, should there be nothing to play
        while not self._stopped:
            if self._held or self._ring.readable:
                await self._wakeup.wait()
                continue
            with anyio.CancelScope(deadline=self._until):
                await self._wakeup.wait()
            if self._over and anyio.current_time() >= self._until:
                return

    def stop(self) -> None:
        """Drop what is queued: the next rendered block fades out and no sample comes after it.

        From any thread, in any state, as often as you like; `write` and `drain` return.
        """
        # The lock is held while samples are handed over, which takes microseconds: a block is
        # either counted in `played` when this returns, or never heard.
        with self._handing:
            self._stopped = True
        self._wakeup.set()

    def hold(self) -> None:
        """Fall silent as with `stop`, but keep the queue and the position for `release`."""
        with self._handing:
            self._held = True
            self._broken = True

    def release(self, rewind: int = 0) -> None:
        """Play, or play on, from `rewind` samples before the position; any other track is stopped.

        It sounds in the next rendered block if the prebuffer is full or everything is queued. What
        is kept to go back to is the last 3 seconds. Nothing happens to a track that is not held.
        """
        if self._stopped or not self._held:
            return
        # While the track is held the driver leaves the ring alone.
        self._ring.rewind(round(rewind * self._device_rate / self.sample_rate))
        self._play(self)
        self._held = False
        self._wakeup.set()
        self._tell_ready()

    def correct(self, played: int) -> None:
        """Do nothing: what has been heard is known here."""

    async def started(self) -> float | None:
        """Wait for the first sample: the `anyio.current_time()` at which it leaves the speaker.

        None when the track was stopped, or drained empty, before that.
        """
        await anyio.lowlevel.checkpoint()
        while self._started_at is None:
            if self._stopped or self._over:
                return None
            await self._wakeup.wait()
        return self._started_at

    async def passed(self, position: int) -> bool:
        """Wait until `furthest` is `position`, in samples; False if it is over before that."""
        await anyio.lowlevel.checkpoint()
        while self.furthest < position:
            if self._stopped or self._over:
                return False
            await self._wakeup.wait()
        return True

    @property
    def over(self) -> bool:
        """Whether no more of it will be played."""
        return self._stopped or self._over

    async def _queue(self, pcm: NDArray[np.float32]) -> None:
        while len(pcm) and not self._stopped:
            pcm = pcm[self._ring.write(pcm) :]
            self._tell_ready()
            if len(pcm):
                await self._wakeup.wait()

    def _tell_ready(self) -> None:
        """Say once that the first sample could be played, as `begin` would find."""
        enough = self._ring.readable >= (1 if self._ended else self._prebuffer)
        if self._started_at is None and enough and not self._held and not self._stopped:
            self._ready()

    @property
    def _over(self) -> bool:
        return self._ended and not self._held and not self._ring.readable

    def _at_our_rate(self, position: int) -> int:
        if self._ended and position == self._ring.written:
            return self._written
        # The resampler keeps time, so this many of our samples lie before the last one handed over.
        return min(self._written, ceil(position * self.sample_rate / self._device_rate))

    def begin(self) -> bool:
        """Driver: whether to start, or to go on after a gap or a hold."""
        wanted = 1 if self._ended else self._prebuffer
        if self._held or self._stopped or self._ring.readable < wanted:
            return False
        self._broken = False
        return True

    def take(self, out: NDArray[np.float32], when: float) -> int:
        """Driver: fill the front of `out`, heard at `when`; how many samples, fewer at a break."""
        # The driver never waits: if the lock is taken, somebody stops or holds the track.
        if not self._handing.acquire(blocking=False):
            return 0
        try:
            silent = self._stopped or self._held or self._broken
            count = 0 if silent else min(self._ring.readable, len(out))
            self.dry = count < len(out) and not silent and not self._ended
            if count:
                # Before the ring is seen to be empty, everything else about it is true.
                if self._started_at is None:
                    self._started_at = when
                self._until = when + count / self._device_rate
                self._ring.read(out[:count])
        finally:
            self._handing.release()
        self._wakeup.set()
        return count
