"""The speaker: what renders a playback for the whole session, a sound card above all."""

from typing import Protocol

import anyio
import numpy as np
from anyio.abc import TaskStatus
from numpy.typing import NDArray

from agent.audio.output import Output
from agent.audio.playback import Playback
from agent.audio.stream import DeviceStream
from agent.config.sections import SpeakerSettings
from agent.events import Report
from agent.graph import task_group

RESTS = 10.0
"""Seconds in which nothing is to be played, after which the device rests."""


class Speaker(Protocol):
    """Renders `playback` for as long as it runs: where the agent's voice goes."""

    @property
    def playback(self) -> Output:
        """What is being played, known once it runs; tells what was really heard."""

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Play until cancelled; `task_status.started()` once the device is open."""


class DeviceSpeaker:
    """A speaker plays `playback`, or silence, by one stream on a device.

    When nothing was to be played for a while it rests: to give a device its silence, block by
    block, costs more than all else that is done in a quiet room. A device that is lost is waited
    for, reported as `speaker.lost` and `speaker.back`, and what is queued waits with it.
    """

    def __init__(self, settings: SpeakerSettings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._playback: Playback | None = None

    @property
    def playback(self) -> Playback:
        """What is played, at the rate that the device took: there once `run` has started."""
        if self._playback is None:
            raise RuntimeError("the speaker does not run yet")
        return self._playback

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Play until cancelled; started once the device is open.

        Raises AudioError when there is no such device or it cannot be opened.
        """
        self._stream = DeviceStream(
            "output",
            self._settings.device,
            latency=self._settings.latency,
            rates=(24000, 48000, None),
            prepare=self._prepare,
            callback=self._render,
            report=self._report,
        )
        async with self._stream, task_group() as tasks:
            self._roused = anyio.Event()
            self.playback.roused = self._rouse
            tasks.start_soon(self._rest)
            task_status.started()
            await self._stream.watch()

    async def _rest(self) -> None:
        """For ever: let the device rest while nobody needs it."""
        while True:
            with anyio.move_on_after(RESTS):
                await self._roused.wait()
            if self._roused.is_set() or not self.playback.idle:
                self._roused = anyio.Event()
                continue
            await self._stream.pause()
            await self._roused.wait()
            self._stream.resume()

    def _rouse(self) -> None:
        self._roused.set()

    def _prepare(self, rate: int) -> None:
        if self._playback is None:
            self._playback = Playback(rate, prebuffer=self._settings.prebuffer)
            # From now on the queue is at this rate, whatever device comes back.
            self._stream.rates = (rate,)

    def _render(self, block: NDArray[np.float32], when: float) -> None:
        """Driver: fill a block, all channels alike."""
        mono = block[:, 0]
        self.playback.render(mono, when)
        if block.shape[1] > 1:
            block[:, 1:] = block[:, :1]
