"""Files that behave like devices: a microphone that plays one, a speaker that writes one.

Both keep time on `anyio.current_time()` by deadlines, so they run at real speed on a real clock
and exactly on a virtual one.
"""

from collections.abc import Awaitable, Callable, Generator
from contextlib import closing
from itertools import chain, count
from os import PathLike
from pathlib import Path
from typing import Any

import anyio
import numpy as np
from anyio.abc import TaskStatus
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.playback import Playback
from agent.audio.wakeup import Wakeup
from agent.audio.wav import AudioFile, pcm16, wav_in_background
from agent.errors import AudioError
from agent.events import MICROPHONE_RATE, Audio, Report, file_warnings, nobody
from agent.guards.files import explained, overwrite

_BLOCK = 0.01  # seconds

Sink = Callable[[NDArray[np.float32], float], Awaitable[None]]


class WavMicrophone:
    """A stage that plays an audio file as if it were spoken now, then some silence.

    Sends 10 ms blocks of 16 kHz `Audio`, each when its last sample would have been captured, until
    `silence` seconds after the file's last: enough for its end to be noticed. Opens the file at
    once, blocking, and raises AudioError if it is none; reads it as it plays.
    """

    def __init__(self, path: str | PathLike[str], *, silence: float = 1.0) -> None:
        self._path = path
        self._silence = round(silence * MICROPHONE_RATE)
        if not Path(path).is_fifo():  # a pipe can be read but once
            with AudioFile(path) as file:
                next(iter(file))

    async def __call__(
        self, _receive: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        """Run to the end, or until nobody listens (BrokenResourceError)."""
        began = anyio.current_time()
        start = 0
        with closing(self._pieces(round(_BLOCK * MICROPHONE_RATE))) as pieces:
            for pcm in pieces:
                await anyio.sleep_until(began + (start + len(pcm)) / MICROPHONE_RATE)
                await send.send(Audio(pcm, MICROPHONE_RATE, began + start / MICROPHONE_RATE))
                start += len(pcm)

    def _pieces(self, size: int) -> Generator[NDArray[np.float32]]:
        """What is played, `size` samples at a time. Raises AudioError."""
        waiting = np.zeros(0, np.float32)
        with AudioFile(self._path) as file:
            for block in chain(file.at(MICROPHONE_RATE), [np.zeros(self._silence, np.float32)]):
                waiting = np.concatenate((waiting, block))
                whole = len(waiting) - len(waiting) % size
                for start in range(0, whole, size):
                    yield waiting[start : start + size]
                waiting = waiting[whole:]
        if len(waiting):
            yield waiting


class PacedSpeaker:
    """A speaker without a sound card: renders 10 ms at a time and hands them to `sink`.

    `sink(pcm, when)` gets every block, silence too, at the time `when` its first sample is due;
    the first of a reply as soon as it is there, up to a block before that.
    """

    def __init__(self, sample_rate: int, sink: Sink, *, prebuffer: float = 0.08) -> None:
        self.playback = Playback(sample_rate, prebuffer=prebuffer)
        self._sink = sink

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled, or until the sink raises."""
        rate = self.playback.sample_rate
        size = round(_BLOCK * rate)
        began = anyio.current_time()
        wakeup = Wakeup()
        self.playback.ready = wakeup.set
        task_status.started()
        for start in count(0, size):
            when = began + start / rate
            # A reply that begins is handed on at once: its first block up to one early.
            await anyio.sleep_until(when - _BLOCK)
            with anyio.CancelScope(deadline=when):
                await wakeup.wait()
            pcm = np.empty(size, np.float32)
            self.playback.render(pcm, when)
            await self._sink(pcm, when)


class WavSpeaker:
    """A speaker into a WAV file, written as it plays: the file is the timeline of `run`."""

    def __init__(
        self,
        path: str | PathLike[str],
        sample_rate: int = 24000,
        *,
        prebuffer: float = 0.08,
        report: Report = nobody,
    ) -> None:
        """`report` is told if the disk is full."""
        self._path = Path(path)
        self._report = report
        self._speaker = PacedSpeaker(sample_rate, self._write, prebuffer=prebuffer)
        self.playback = self._speaker.playback

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled, which finishes the file.

        Raises AudioError, before it reports itself started, when the file cannot be made.
        """
        with explained(self._path, AudioError):
            descriptor = overwrite(self._path)
        tell = file_warnings(self._report)
        rate = self.playback.sample_rate
        with closing(wav_in_background(self._path, descriptor, tell, rate)) as self._file:
            await self._speaker.run(task_status=task_status)

    async def _write(self, pcm: NDArray[np.float32], _when: float) -> None:
        self._file.write(pcm16(pcm))
