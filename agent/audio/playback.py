"""Playback: the meeting point of a reply and whatever plays it.

Two sides meet here. On the loop a reply is a `Track`. On the driver's side (a sound card's
callback thread, a file, a remote listener) `Playback.render` fills one block after another.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agent.audio.gain import Gain, slope
from agent.audio.monitor import Monitor
from agent.audio.track import Track

__all__ = ["Playback", "Track"]

_FADE_IN = 0.002  # seconds
_FADE_OUT = 0.005

DUCKED = 10 ** (-18 / 20)
"""The gain while the agent is ducked: 18 dB less."""


class Playback:
    """Tracks one after another, silence in between, never a click.

    `sample_rate` is the device's; `prebuffer` seconds are gathered before a track starts and
    again after it has run dry. `underruns` counts the gaps inside tracks.
    """

    def __init__(self, sample_rate: int, *, prebuffer: float = 0.08) -> None:
        self.sample_rate = sample_rate
        self.underruns = 0
        self._prebuffer = prebuffer
        self._track: Track | None = None
        self._chime: Chime | None = None
        self.ready: Callable[[], None] = lambda: None
        """Called on the loop when a track could begin to sound."""
        self.roused: Callable[[], None] = lambda: None
        """Called on the loop when there is something to play, or may soon be."""
        self._monitors: tuple[Monitor, ...] = ()
        self._volume = 1.0
        self._ducked = 1.0
        # The driver's own: what sounds now, how far its edges are, the last sample before a fade.
        self._gain = Gain(sample_rate)
        self._sounding: Track | None = None
        self._rise = slope(_FADE_IN, sample_rate)
        self._fall = slope(_FADE_OUT, sample_rate)[::-1].copy()
        self._risen = 0
        self._fallen = len(self._fall)
        self._last = 0.0

    @property
    def idle(self) -> bool:
        """Whether nothing sounds, nor waits to."""
        over = self._track is None or self._track.over
        return over and self._sounding is None and self._chime is None

    def rouse(self) -> None:
        """Be ready to play: there may soon be something to say."""
        self.roused()

    def open(self, sample_rate: int, *, held: bool = False) -> Track:
        """A new track for a reply at `sample_rate` Hz; the one before it is stopped.

        A held one is prepared in silence, and what plays goes on: `Track.release` is the turn.
        """
        track = Track(
            sample_rate,
            self.sample_rate,
            self._prebuffer,
            self._play,
            held=held,
            ready=self._track_is_ready,
        )
        if held:
            self.rouse()
        else:
            self._play(track)
        return track

    def duck(self) -> None:
        """Lower everything that is played by 18 dB, within 8 ms of the next rendered block."""
        self._ducked = DUCKED

    def unduck(self) -> None:
        """Back to the full level, as quickly."""
        self._ducked = 1.0

    def chime(self, pcm: NDArray[np.float32]) -> None:
        """Play float32 [n] at the device's rate in the silence until the next track sounds."""
        self._chime = Chime(pcm, self.sample_rate)
        self.rouse()

    @property
    def volume(self) -> float:
        """The level of everything that is played, 0 to 1; it changes along a slope too.

        Raises ValueError when it is set to anything else.
        """
        return self._volume

    @volume.setter
    def volume(self, volume: float) -> None:
        if not 0 <= volume <= 1:
            raise ValueError(f"the volume is between 0 and 1, not {volume}")
        self._volume = volume

    def monitor(self) -> Monitor:
        """A tap on everything that is rendered from now on, as it leaves, silence included."""
        monitor = Monitor(self.sample_rate, self._remove)
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
        chime = self._chime
        if chime is not None and chime.mix(out, last=self._sounding is not None):
            self._chime = None
        self._gain.apply(out, self._volume * self._ducked)
        for monitor in self._monitors:
            monitor.tap(out, when)

    def _play(self, track: Track) -> None:
        if self._track is not None and self._track is not track:
            self._track.stop()
        self._track = track
        self.rouse()

    def _track_is_ready(self) -> None:
        self.ready()  # which may be somebody else's by now

    def _remove(self, monitor: Monitor) -> None:
        self._monitors = tuple(other for other in self._monitors if other is not monitor)

    def _fill(self, out: NDArray[np.float32], when: float) -> int:
        """Fill the front of `out` with a fade, silence or sound; how many samples that was."""
        if self._fallen < len(self._fall):
            return self._fade_out(out)
        if self._sounding is None:
            track = self._track
            if track is None or not track.begin():
                out[:] = 0
                return len(out)
            self.underruns += track.dry
            self._sounding = track
            self._risen = 0
        count = self._sounding.take(out, when)
        self._fade_in(out[:count])
        if count:
            self._last = float(out[count - 1])
        if count < len(out):  # stopped, held, run dry, or at its end
            self._sounding = None
            self._fallen = 0
        return count

    def _fade_in(self, out: NDArray[np.float32]) -> None:
        rise = self._rise[self._risen : self._risen + len(out)]
        out[: len(rise)] *= rise
        self._risen += len(rise)

    def _fade_out(self, out: NDArray[np.float32]) -> int:
        """Let the last sample die away: a track that has nothing more to give does not click."""
        fall = self._fall[self._fallen : self._fallen + len(out)]
        np.multiply(fall, self._last, out=out[: len(fall)])
        self._fallen += len(fall)
        if self._fallen == len(self._fall):
            self._last = 0.0
        return len(fall)


class Chime:
    """A sound between replies, mixed in by the driver; replies end it."""

    def __init__(self, pcm: NDArray[np.float32], sample_rate: int) -> None:
        """`pcm`: float32 [n] at the device's rate."""
        self._pcm = pcm
        self._fall = slope(_FADE_OUT, sample_rate)[::-1].copy()
        self._position = 0

    def mix(self, out: NDArray[np.float32], *, last: bool) -> bool:
        """Driver: add the next piece to `out`, the `last` one if a reply sounds; True at the end.

        The last piece dies away within 5 ms.
        """
        piece = self._pcm[self._position : self._position + len(out)]
        if last:
            fall = self._fall[: len(piece)]
            piece = piece[: len(fall)]
            out[: len(piece)] += piece * fall[: len(piece)]
            return True
        out[: len(piece)] += piece
        self._position += len(piece)
        return self._position >= len(self._pcm)
