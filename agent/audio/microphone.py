"""The microphone: a stage that sends what a sound card hears."""

from typing import Any

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.channels import ChannelMixer
from agent.audio.clock import SampleClock
from agent.audio.resample import Resampler
from agent.audio.ring import Ring
from agent.audio.stream import DeviceStream
from agent.audio.wakeup import Wakeup
from agent.config.sections import MicrophoneSettings
from agent.events import MICROPHONE_RATE, Audio, Report, WarningEvent
from agent.guards.audio import SampleGuard

_RING = 2.0  # seconds that the loop may be late
_SHORTEST, _LONGEST = 0.01, 0.02  # seconds in a block


class DeviceMicrophone:
    """A stage that sends 10 to 20 ms blocks of 16 kHz `Audio` from a device.

    A block that finds its stream full is dropped, and said so: the device never waits. A device
    that is lost is waited for, reported as `microphone.lost` and `microphone.back`.
    """

    def __init__(self, settings: MicrophoneSettings, report: Report) -> None:
        self._settings = settings
        self._report = report

    async def __call__(
        self, _receive: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        """Run until cancelled, or until nobody listens.

        Raises AudioError when there is no such device or it cannot be opened.
        """
        self._wakeup = Wakeup()
        self._guard = SampleGuard(self._tell_samples)
        self._dropped = 0  # samples at our rate, not yet reported
        stream = DeviceStream(
            "input",
            self._settings.device,
            latency=self._settings.latency,
            rates=(MICROPHONE_RATE, None),
            prepare=self._prepare,
            callback=self._capture,
            report=self._report,
        )
        async with stream, anyio.create_task_group() as tasks:
            tasks.start_soon(stream.watch)
            try:
                await self._pass_on(send)
            finally:
                self._tell_dropped()
            tasks.cancel_scope.cancel()

    def _prepare(self, rate: int) -> None:
        self._rate = rate
        self._ring = Ring(int(_RING * rate))
        self._resampler = Resampler(rate, MICROPHONE_RATE, "quick")
        self._sent = 0  # samples at our rate since the stream was opened
        self._overrun_told = 0
        # The driver's.
        self._mixer = ChannelMixer(rate)
        self._clock = SampleClock(rate)
        self._captured = 0
        self._overrun = 0

    def _capture(self, block: NDArray[np.float32], time: float) -> None:
        """Driver: keep a block."""
        self._clock.stamp(self._captured, time)
        stored = self._ring.write(self._mixer.mix(block))
        self._captured += stored
        self._overrun += len(block) - stored
        if self._ring.readable >= self._rate * _SHORTEST:
            self._wakeup.set()

    async def _pass_on(self, send: MemoryObjectSendStream[Audio]) -> None:
        while True:
            await self._wakeup.wait()
            while (count := self._ring.readable) >= self._rate * _SHORTEST:
                pcm = np.empty(min(count, int(self._rate * _LONGEST)), np.float32)
                self._ring.read(pcm)
                try:
                    self._send(send, self._resampler.process(self._guard(pcm)))
                except anyio.BrokenResourceError:
                    return

    def _send(self, send: MemoryObjectSendStream[Audio], pcm: NDArray[np.float32]) -> None:
        first = self._sent - self._resampler.delay
        time = self._clock.time(first * self._rate / MICROPHONE_RATE)
        self._sent += len(pcm)
        overrun = self._overrun - self._overrun_told
        self._overrun_told += overrun
        self._dropped += overrun * MICROPHONE_RATE // self._rate
        if not len(pcm):
            return
        try:
            send.send_nowait(Audio(pcm, MICROPHONE_RATE, time))
        except anyio.WouldBlock:
            self._dropped += len(pcm)
            if self._dropped < MICROPHONE_RATE:  # a second at the most goes unmentioned
                return
        self._tell_dropped()

    def _tell_samples(self, what: str) -> None:
        self._report(WarningEvent("microphone", "microphone.samples", f"the microphone {what}"))

    def _tell_dropped(self) -> None:
        """One warning for a gap, at its end, or one for every second of it."""
        dropped, self._dropped = self._dropped, 0
        if dropped:
            message = (
                f"{dropped / MICROPHONE_RATE:.2f} s from the microphone were dropped: "
                "what comes after it is too slow"
            )
            self._report(WarningEvent("microphone", "microphone.dropped", message))
