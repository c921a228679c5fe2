"""The microphone: a stage that sends what a sound card hears."""

from typing import Any

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.channels import ChannelMixer
from agent.audio.clock import SampleClock
from agent.audio.energy_gate import WINDOW, EnergyGate
from agent.audio.resample import Resampler
from agent.audio.ring import Ring
from agent.audio.stream import DeviceStream
from agent.audio.wakeup import Wakeup
from agent.config.sections import MicrophoneSettings
from agent.events import MICROPHONE_RATE, Audio, Report, WarningEvent
from agent.guards.audio import SampleGuard

_RING = 2.0  # seconds that the loop may be late
_SHORTEST, _LONGEST = 0.01, 0.1  # seconds in a block: while something is loud, and in quiet
_HELD = 4.0  # seconds of quiet until it is: longer than a pause in a turn


class DeviceMicrophone:
    """A stage that sends 10 ms blocks of 16 kHz `Audio` from a device, in a quiet room 100 ms.

    To wake the program costs more than all that is done with a quiet block; what is loud comes at
    once, with the quiet before it. A block that finds its stream full is dropped, and said so: the
    device never waits. A device that is lost is waited for, reported as `microphone.lost` and
    `microphone.back`.
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
        self._blocks: list[NDArray[np.float32]] = []  # not yet in the ring
        self._gathered = 0  # samples in them
        self._energy = EnergyGate(_HELD)
        self._quiet = False
        self._sum = self._power = 0.0  # of a window that is not complete
        self._window = 0
        self._shortest = int(rate * _SHORTEST)  # samples of a block, as loud as it is now

    def _capture(self, block: NDArray[np.float32], time: float) -> None:
        """Driver: keep a block; in quiet with those after it, up to a window."""
        if not self._blocks:
            self._clock.stamp(self._captured, time)
        self._blocks.append(block.copy())
        self._gathered += len(block)
        if self._quiet and self._gathered < self._rate * WINDOW:
            return
        blocks = self._blocks[0] if len(self._blocks) == 1 else np.concatenate(self._blocks)
        self._blocks, self._gathered = [], 0
        mono = self._mixer.mix(blocks)
        stored = self._ring.write(mono)
        self._captured += stored
        self._overrun += len(mono) - stored
        self._listen(mono)
        if self._ring.readable >= self._shortest:
            self._wakeup.set()

    def _listen(self, mono: NDArray[np.float32]) -> None:
        """Driver: decide by the next samples [n] how soon they are wanted."""
        self._window += len(mono)
        self._sum += float(mono.sum())
        self._power += float(mono @ mono)
        if self._window < self._rate * WINDOW:
            return
        offset = self._sum / self._window
        power = self._power / self._window - offset * offset
        self._quiet = not self._energy.judge(power, self._window / self._rate)
        self._shortest = int(self._rate * (_LONGEST if self._quiet else _SHORTEST))
        self._window, self._sum, self._power = 0, 0.0, 0.0

    async def _pass_on(self, send: MemoryObjectSendStream[Audio]) -> None:
        while True:
            await self._wakeup.wait()
            while (count := self._ring.readable) >= self._shortest:
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
