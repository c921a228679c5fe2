"""The echo stage, between the microphone and voice detection: the agent does not hear itself.

Three ways. *Cancel* takes what the speaker plays out of what the microphone hears, and the user
can interrupt. *Half duplex* makes the microphone silent while the agent sounds: nothing to
install, no interruptions. *Off* is for headphones. *Auto* cancels until it has listened to the
agent speak, and goes on only if there is an echo.
"""

import math
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from typing import ClassVar, Literal

import anyio
import anyio.to_thread
import numpy as np
from anyio.abc import TaskGroup, TaskStatus
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.echo.activity import ROOM, PlaybackActivity
from agent.audio.echo.canceller import DELAY, FRAME, EchoCanceller
from agent.audio.echo.meter import EchoMeter, Measurement, Sample
from agent.audio.echo.reference import Reference
from agent.audio.echo.timeline import Framer
from agent.audio.energy_gate import EnergyGate
from agent.audio.output import Output
from agent.config.sections import EchoMode
from agent.errors import AudioError
from agent.events import MICROPHONE_RATE, Audio, Event, Report, WarningEvent

START_BARGE_IN = 0.7
"""The voice probability at which a barge-in begins while the agent's voice is being cancelled."""

GUARD = 0.2
"""Seconds from the beginning of the agent's speech in which nobody can interrupt it."""

_PATIENCE = 4  # frames that wait for what the speaker has played meanwhile
_FRAME_S = FRAME / MICROPHONE_RATE
_MARGIN = 0.02  # seconds by which a device may be wrong about when it plays
_REST = 100  # frames of silence after which a quiet room tells the canceller nothing
_SILENT = 2  # measurements in a row without an echo: headphones
_TWICE = 120.0  # seconds in which a second interruption without words is one too many


@dataclass(frozen=True, slots=True)
class EchoHandled(Event):
    """What `auto` has decided: `code` is `echo.off` or `echo.cancel`.

    `level_db`: how loud the echo is, compared with what is played.
    """

    type: ClassVar[str] = "echo"
    code: str
    message: str
    level_db: float | None = None


class EchoStage:
    """A stage: the microphone's Audio in, the same without the agent's voice out.

    The output is 16 kHz, and every sample keeps its time.
    """

    def __init__(self, setting: EchoMode, playback: Output, report: Report) -> None:
        """Raises AudioError when `cancel` is wanted and pywebrtc-audio is not installed."""
        self.activity = PlaybackActivity()
        self._setting = setting
        self._playback = playback
        self._report = report
        self._mode: Literal["cancel", "half_duplex", "off"] = "off"
        self._confirmed = False  # whether `auto` has measured an echo, or that there is none
        self._canceller: EchoCanceller | None = None
        self._meter = EchoMeter()
        self._echoless = 0  # measurements in a row that found no echo
        self._last_self_interruption = -_TWICE  # when the agent last seemed to interrupt itself
        self._reference = Reference()
        self._frames = Framer(FRAME)
        self._pending: deque[tuple[float, NDArray[np.float32]]] = deque()
        self._behind = np.zeros(DELAY, np.float32)  # the canceller's delay
        self._muted = False
        self._energy = EnergyGate()
        self._loud = True  # the microphone, now
        self._silence = 0  # frames for which the speaker has been silent
        self._tasks: TaskGroup | None = None  # of `follow`
        self._wet = 0.0  # how much of the output is the cleaned signal: all or nothing, faded
        self._begin()

    @property
    def mode(self) -> Literal["cancel", "half_duplex", "off"]:
        """What the stage does now."""
        return self._mode

    def threshold(self, time: float, start: float) -> float:
        """The voice probability at which speech begins at `time`: `start`, or more.

        More than any is when the agent has only just begun to sound.
        """
        started = self.activity.started(time) if self._mode == "cancel" else None
        if started is None:
            return start
        return math.inf if time - started < GUARD else max(start, START_BARGE_IN)

    def self_interrupted(self) -> None:
        """The agent was interrupted, and there were no words: it may have heard itself."""
        if self._mode != "cancel":
            return
        now = anyio.current_time()
        again = now - self._last_self_interruption < _TWICE
        self._last_self_interruption = now
        if again:
            self._fall_back(
                "the agent seems to interrupt itself: from now on the microphone is off while it "
                "speaks; use headphones, or turn the speaker down"
            )

    async def __call__(
        self, receive: MemoryObjectReceiveStream[Audio], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        """Run until the microphone ends."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self.follow)
            async for block in receive:
                for cleaned in self.clean(block):
                    await send.send(cleaned)
            tasks.cancel_scope.cancel()

    async def follow(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Follow what the speaker plays, and measure its echo, until cancelled."""
        if self._setting == "off":
            task_status.started()
            return
        try:
            async with anyio.create_task_group() as self._tasks:
                with closing(self._playback.monitor()) as monitor:
                    task_status.started()
                    async for block in monitor:
                        self.activity.add(block)
                        self._reference.add(block)
        finally:
            self._tasks = None

    def clean(self, block: Audio, *, muted: bool = False) -> list[Audio]:
        """Return what can be said of the microphone now, while `follow` runs.

        A `muted` one teaches it nothing: that it hears no echo does not mean that there is none.
        """
        if self._setting == "off":
            return [block]
        self._muted = muted
        if len(block.pcm):
            self._loud = self._energy.judge(float(np.var(block.pcm)), block.duration)
        cleaned = self._process(block)
        if self._tasks is not None and (sample := self._meter.sample()):
            self._tasks.start_soon(self._measure, sample)
        return cleaned

    def _begin(self) -> None:
        """Begin with what the setting says."""
        if self._setting in ("off", "half_duplex"):
            self._mode = self._setting
            return
        try:
            self._canceller = EchoCanceller()
        except AudioError as error:
            if self._setting == "cancel":
                raise
            self._fall_back(f"the microphone is off while the agent speaks: {error}")
        else:
            self._mode = "cancel"

    def _fall_back(self, message: str) -> None:
        self._mode = "half_duplex"
        self._report(WarningEvent("echo", "echo.half_duplex", message))

    async def _measure(self, sample: Sample) -> None:
        self._apply(await anyio.to_thread.run_sync(sample.measure))

    def _apply(self, echo: Measurement) -> None:
        """Go on cancelling, begin again or stop, by what was measured."""
        if self._mode == "half_duplex":  # meanwhile
            return
        self._echoless = 0 if echo.found else self._echoless + 1
        if echo.found and not (self._mode == "cancel" and self._confirmed):
            self._switch("cancel", f"the microphone hears the agent at {echo.level:.0f} dB", echo)
        elif self._echoless == _SILENT and self._mode == "cancel":
            self._switch("off", "the microphone does not hear the agent: headphones?", echo)

    def _switch(self, mode: Literal["cancel", "off"], message: str, echo: Measurement) -> None:
        self._mode, self._confirmed = mode, True
        level = round(echo.level, 1) if echo.found else None
        self._report(EchoHandled(f"echo.{mode}", message, level))

    def _process(self, block: Audio) -> list[Audio]:
        """What can be said of the microphone now, nearly always all of it, in one piece."""
        self._pending.extend(self._frames.add(block))
        if len(self._pending) > _PATIENCE and not self._ready():
            self._reference.shorten_lead()
        pieces: list[Audio] = []
        while self._pending and self._ready():
            time, near = self._pending.popleft()
            pcm = self._clean(time, near)
            time -= DELAY / MICROPHONE_RATE
            last = pieces[-1] if pieces else None
            if last and last.time and abs(last.time + last.duration - time) < _FRAME_S / 2:
                pcm, time = np.concatenate((last.pcm, pcm)), last.time
                pieces.pop()
            pieces.append(Audio(pcm, MICROPHONE_RATE, time))
        return pieces

    def _ready(self) -> bool:
        return self._reference.covers(self._pending[0][0], _FRAME_S)

    def _clean(self, time: float, near: NDArray[np.float32]) -> NDArray[np.float32]:
        """A frame of the microphone without the agent, `DELAY` samples later."""
        raw = np.concatenate((self._behind, near))
        self._behind = raw[FRAME:]
        raw = raw[:FRAME]
        far, follows = self._reference.read(time, FRAME)
        rested = self._silence > _REST
        self._silence = 0 if far.any() else self._silence + 1
        if rested and self._silence and not self._loud:
            self._wet = 0.0
            return raw
        cleaned = np.zeros(FRAME, np.float32)
        user = False
        if self._canceller is not None and not self._muted:
            if not follows and not rested:  # what is heard after silence follows on anything
                self._canceller.reset()
            cleaned = self._canceller.clean(near, far)
            user = self._canceller.near_end
        if self._mode == "half_duplex":
            cleaned[:] = 0
        sounds = self._agent_sounds(time)
        measures = self._setting == "auto" and self._mode != "half_duplex" and not self._muted
        if sounds and not user and measures:
            self._meter.add(near, far, cleaned)
        wet = float(sounds and self._mode != "off")
        slope = np.linspace(self._wet, wet, FRAME, dtype=np.float32)
        self._wet = wet
        return raw + slope * (cleaned - raw)

    def _agent_sounds(self, time: float) -> bool:
        """Whether the agent's voice, or what is left of it in the room, may be heard."""
        # A canceller may work on for longer than it must, a closed microphone must not.
        late = 0.0 if self._mode == "half_duplex" else ROOM
        return any(
            self.activity.started(at) is not None for at in (time + _MARGIN, time, time - late)
        )
