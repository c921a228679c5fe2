"""Sound over WebRTC: the agent's voice in frames of 20 ms, and what comes from the other side."""

import fractions
from collections.abc import Callable
from contextlib import suppress

import anyio
import numpy as np
from aiortc import MediaStreamTrack, RTCRtpReceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket
from anyio.abc import TaskStatus
from av import AudioFrame
from numpy.typing import NDArray

from agent.audio.playback import Playback

RATE = 48000
"""Hz, Opus' own."""
FRAME = 960
"""Samples in a frame of 20 ms."""
PREBUFFER = 0.04
"""Seconds of a reply that are gathered before it sounds: the listener's side gathers too."""
LATE = 0.1
"""Seconds behind its time after which the track begins a new count."""
GAP = 0.5
"""Seconds without a packet after which the other side is taken to be silent."""
MOST = 5.0
"""Seconds of lost sound that are filled with silence."""


class Voice(MediaStreamTrack):
    """The agent's voice as a track: what is rendered into its frames has left the speaker.

    It is a `Speaker`: silence when nothing is said, so that the other side has a track to play.
    """

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.playback = Playback(RATE, prebuffer=PREBUFFER)
        self._began: float | None = None
        self._frames = 0

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Play until cancelled: the connection takes the frames."""
        task_status.started()
        await anyio.sleep_forever()

    async def recv(self) -> AudioFrame:
        """Return the next frame, when it is time for it. Raises MediaStreamError at the end."""
        if self.readyState != "live":
            raise MediaStreamError
        now = anyio.current_time()
        due = now if self._began is None else self._began + self._frames * FRAME / RATE
        if self._began is None or now - due > LATE:
            self._began = now - self._frames * FRAME / RATE
            due = now
        await anyio.sleep_until(due)
        pcm = np.empty(FRAME, np.float32)
        self.playback.render(pcm, due)
        samples = np.clip(np.rint(pcm * 32767), -32768, 32767).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._frames * FRAME
        frame.time_base = fractions.Fraction(1, RATE)
        self._frames += 1
        return frame


class Unbuffered(JitterBuffer):
    """A jitter buffer that waits for nothing: the agent listens, it does not play.

    aiortc's holds back 80 ms, and 320 ms from the first lost packet on. What is lost, or comes
    after what was sent later, is silence (`listen`).
    """

    def __init__(self) -> None:
        super().__init__(capacity=1)
        self._last: int | None = None

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Return the packet as a frame, which one of Opus is, unless a later one has been."""
        ahead = 1 if self._last is None else (packet.sequence_number - self._last) & 0xFFFF
        if not 0 < ahead < 1 << 15:
            return False, None
        self._last = packet.sequence_number
        return False, JitterFrame(packet._data, packet.timestamp)  # type: ignore[attr-defined]


def without_waiting(receiver: RTCRtpReceiver) -> None:
    """Have a receiver of sound give every packet at once."""
    if hasattr(receiver, _BUFFER):
        setattr(receiver, _BUFFER, Unbuffered())


_BUFFER = "_RTCRtpReceiver__jitter_buffer"
"""Where aiortc has it, which knows no other way to choose it."""


async def listen(track: MediaStreamTrack, hear: Callable[[NDArray[np.int16], int], None]) -> None:
    """Give `hear` what comes on a track, mono, with silence where nothing does, until its end."""
    expected: int | None = None
    with suppress(MediaStreamError):
        while True:
            frame = None
            with anyio.move_on_after(GAP):
                frame = await track.recv()
            if frame is None:
                hear(np.zeros(round(GAP * RATE), np.int16), RATE)
                expected = None
                continue
            assert isinstance(frame, AudioFrame)
            rate = frame.sample_rate
            if expected is not None and frame.pts is not None:
                lost = min(frame.pts - expected, round(MOST * rate))
                if lost > 0:
                    hear(np.zeros(lost, np.int16), rate)
            expected = None if frame.pts is None else frame.pts + frame.samples
            hear(_mono(frame), rate)


def _mono(frame: AudioFrame) -> NDArray[np.int16]:
    """The mean of a frame's channels, int16 [n]."""
    interleaved = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
    mixed: NDArray[np.int16] = interleaved.mean(axis=1).astype(np.int16)
    return mixed
