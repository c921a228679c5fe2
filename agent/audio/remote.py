"""A listener elsewhere, who is sent a reply as fast as it is made and plays it in their own time.

What they have heard is not known here but estimated: they play what they have, one reply after the
other. They may say better (`RemoteTrack.correct`).
"""

import math

import anyio
import anyio.lowlevel
import numpy as np
from anyio.abc import TaskStatus
from numpy.typing import ArrayLike, NDArray

from agent.audio.monitor import Monitor
from agent.audio.wakeup import Wakeup
from agent.events import Report, WarningEvent, nobody


class RemoteTrack:
    """One reply on its way to a listener elsewhere: an `agent.audio.track.ReplyTrack`."""

    delivers = True

    def __init__(self, sample_rate: int, playback: "RemotePlayback", *, held: bool) -> None:
        self.sample_rate = sample_rate
        self._playback = playback
        self._wakeup = Wakeup()
        self._held = held
        self._stopped = False
        self._ended = False
        self._written = 0  # samples
        self._position = 0.0  # of them, played when the track was stopped or held
        self._furthest = 0
        self._started_at: float | None = None
        self._until = -math.inf  # when all that is written will have been played

    @property
    def held(self) -> bool:
        """Whether it waits for `release`."""
        return self._held

    @property
    def played(self) -> int:
        """The position that the listener has reached, in samples."""
        if self._held or self._stopped or self._started_at is None:
            return int(self._position)
        left = max(0.0, self._until - anyio.current_time()) * self.sample_rate
        return max(0, min(self._written, math.ceil(self._written - left)))

    @property
    def furthest(self) -> int:
        """The highest `played` that there was."""
        self._furthest = max(self._furthest, self.played)
        return self._furthest

    @property
    def dry(self) -> bool:
        """Whether all that there is has been played, and more is awaited."""
        return self._started_at is not None and not self._ended and self.played >= self._written

    async def write(self, pcm: ArrayLike) -> None:
        """Note that more has been sent; never waits."""
        await anyio.lowlevel.checkpoint()
        if not self._stopped:
            samples = len(np.asarray(pcm))
            if samples and not self._held and self.dry:
                self._playback.ran_dry()
            self._written += samples
            if not self._held and samples:
                self._play(samples)

    async def drain(self) -> None:
        """Return when everything has been played, or the track is stopped."""
        await anyio.lowlevel.checkpoint()
        self._ended = True
        self._wakeup.set()
        while not self._stopped:
            if not self._held and anyio.current_time() >= self._until:
                return
            with anyio.CancelScope(deadline=math.inf if self._held else self._until):
                await self._wakeup.wait()

    def stop(self) -> None:
        """Play no more of it."""
        self._freeze()
        self._stopped = True
        self._wakeup.set()

    def hold(self) -> None:
        """Wait where it is."""
        self._freeze()
        self._held = True
        self._wakeup.set()

    def release(self, rewind: int = 0) -> None:
        """Play, or play on from `rewind` samples before the position."""
        if self._stopped or not self._held:
            return
        self._held = False
        self._position = max(0.0, self._position - rewind)
        if self._written > self._position:
            self._play(self._written - self._position)
        self._wakeup.set()

    def correct(self, played: int) -> None:
        """Take the listener's word for it: `played` samples, of a track that is held or stopped."""
        self._furthest = min(max(0, played), self._written)
        self._position = float(self._furthest)

    async def started(self) -> float | None:
        """Wait for the first sample: when it is played; None if the track ends without one."""
        await anyio.lowlevel.checkpoint()
        while self._started_at is None:
            if self._stopped or (self._ended and not self._held):
                return None
            await self._wakeup.wait()
        return self._started_at

    async def passed(self, position: int) -> bool:
        """Wait until `furthest` is `position`; False if the track is over before that."""
        await anyio.lowlevel.checkpoint()
        while self.furthest < position:
            if self._stopped or (self._ended and self._written < position):
                return False
            enough = not self._held and self._written >= position
            left = (self._written - position) / self.sample_rate
            with anyio.CancelScope(deadline=self._until - left if enough else math.inf):
                await self._wakeup.wait()
        return True

    def _play(self, samples: float) -> None:
        """So many more follow what the listener has, of this reply and those before it."""
        begin = max(anyio.current_time(), self._playback.until)
        self._until = self._playback.until = begin + samples / self.sample_rate
        if self._started_at is None:
            self._started_at = begin
        self._wakeup.set()

    def _freeze(self) -> None:
        if not self._held and not self._stopped:
            self._position = float(self.played)
            self._playback.until = min(self._playback.until, anyio.current_time())


class RemotePlayback:
    """The playback of a listener elsewhere: an `agent.audio.playback.Output`.

    It can be neither softer nor chime: that is the listener's own affair.
    """

    def __init__(self, sample_rate: int, report: Report = nobody) -> None:
        self.sample_rate = sample_rate
        self.volume = 1.0
        self.underruns = 0
        self._report = report
        self.until = -math.inf
        """When everything sent so far will have been played."""

    def open(self, sample_rate: int, *, held: bool = False) -> RemoteTrack:
        """A new track for a reply."""
        return RemoteTrack(sample_rate, self, held=held)

    def ran_dry(self) -> None:
        """There was a gap inside a reply."""
        self.underruns += 1
        message = "a reply's sound came later than it was to be heard"
        self._report(WarningEvent("speaker", "speaker.underrun", message))

    def rouse(self) -> None:
        """Do nothing."""

    def duck(self) -> None:
        """Do nothing."""

    def unduck(self) -> None:
        """Do nothing."""

    def chime(self, pcm: NDArray[np.float32]) -> None:
        """Do nothing."""

    def monitor(self) -> Monitor:
        """A tap through which nothing ever comes: what is played is not known here."""
        return Monitor(self.sample_rate, lambda _: None)


class RemoteSpeaker:
    """A speaker for a conversation whose `watch` sends on what is made (`ReplyAudio`)."""

    def __init__(self, sample_rate: int, report: Report = nobody) -> None:
        """`report` is told of gaps."""
        self.playback = RemotePlayback(sample_rate, report)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled; there is nothing to do."""
        task_status.started()
        await anyio.sleep_forever()
