"""What a conversation needs of whatever plays its voice, here or elsewhere."""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent.audio.monitor import Monitor


class ReplyTrack(Protocol):
    """One reply on its way to the listener, at its own rate (`agent.audio.track.Track`)."""

    @property
    def delivers(self) -> bool:
        """Whether what is written is sent at once, and played by the listener in their time."""

    @property
    def held(self) -> bool:
        """Whether it waits for `release`."""

    @property
    def played(self) -> int:
        """The position, in samples."""

    @property
    def furthest(self) -> int:
        """What has been heard, once or twice, in samples."""

    @property
    def dry(self) -> bool:
        """Whether more is awaited than there is."""

    async def write(self, pcm: ArrayLike) -> None:
        """Take float32 samples [n]; waits while enough is queued."""

    async def drain(self) -> None:
        """Return when everything has been heard, or the track is stopped."""

    def stop(self) -> None:
        """Drop what is queued."""

    def hold(self) -> None:
        """Fall silent until `release`."""

    def release(self, rewind: int = 0) -> None:
        """Play, or play on, from `rewind` samples before the position."""

    def correct(self, played: int) -> None:
        """Take a remote listener's word for how many samples they have played."""

    async def started(self) -> float | None:
        """Wait for the first sample: when it is heard; None if there is none."""

    async def passed(self, position: int) -> bool:
        """Wait until `furthest` is `position`; False if it is over before that."""


class Output(Protocol):
    """Where replies are played (`agent.audio.playback.Playback`)."""

    sample_rate: int

    @property
    def volume(self) -> float:
        """The level of everything that is played, 0 to 1."""

    @volume.setter
    def volume(self, volume: float) -> None: ...

    def open(self, sample_rate: int, *, held: bool = False) -> ReplyTrack:
        """A new track for a reply at `sample_rate` Hz."""

    def rouse(self) -> None:
        """Be ready to play: there may soon be something to say."""

    def duck(self) -> None:
        """Lower everything that is played."""

    def unduck(self) -> None:
        """Back to the full level."""

    def chime(self, pcm: NDArray[np.float32]) -> None:
        """Play float32 [n] in the silence until the next reply."""

    def monitor(self) -> Monitor:
        """A tap on everything that is played."""
