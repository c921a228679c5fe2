"""The agent does not hear itself: the stage between the microphone and the ears.

Three ways. *Cancel* takes what the speaker plays out of what the microphone hears, and the user
can interrupt. *Half duplex* makes the microphone silent while the agent sounds: nothing to
install, no interruptions. *Off* is for headphones. *Auto* cancels until it has listened to the
agent speak, and goes on only if there is an echo.
"""

from collections import deque
from collections.abc import Callable
from contextlib import closing
from typing import Literal

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.echo_canceller import DELAY, FRAME, Canceller
from agent.audio.echo_floor import ROOM, Floor
from agent.audio.echo_reference import Reference
from agent.audio.echo_timeline import Frames
from agent.audio.monitor import Monitor
from agent.audio.playback import Playback
from agent.errors import AudioError
from agent.events import MICROPHONE_RATE, Audio, Event, WarningEvent

EchoSetting = Literal["auto", "cancel", "half_duplex", "off"]

_PATIENCE = 4  # frames that wait for what the speaker has played meanwhile
_FRAME_S = FRAME / MICROPHONE_RATE
_MARGIN = 0.02  # seconds by which a device may be wrong about when it plays


class Echo:
    """A stage: the microphone's Audio in, the same without the agent's voice out.

    What comes out is 16 kHz, and every sample keeps its time.
    """

    def __init__(
        self, setting: EchoSetting, playback: Playback, report: Callable[[Event], None]
    ) -> None:
        """Raises AudioError when `cancel` is wanted and pywebrtc-audio is not installed."""
        self.floor = Floor()
        self._setting = setting
        self._playback = playback
        self._report = report
        self._mode: Literal["cancel", "half_duplex", "off"] = "off"
        self._canceller: Canceller | None = None
        self._reference = Reference()
        self._frames = Frames(FRAME)
        self._pending: deque[tuple[float, NDArray[np.float32]]] = deque()
        self._behind = np.zeros(DELAY, np.float32)  # as far as the canceller is behind
        self._share = 0.0  # how much of what comes out has been worked on: all or nothing, faded
        self._choose()

    async def __call__(
        self, receive: MemoryObjectReceiveStream[Audio], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        """Run until the microphone ends."""
        if self._setting == "off":
            async for block in receive:
                await send.send(block)
            return
        async with anyio.create_task_group() as tasks:
            with closing(self._playback.monitor()) as monitor:
                tasks.start_soon(self._follow, monitor)
                async for block in receive:
                    if cleaned := self._hear(block):
                        await send.send(cleaned)
                tasks.cancel_scope.cancel()

    def _choose(self) -> None:
        """Begin with what the setting says."""
        if self._setting in ("off", "half_duplex"):
            self._mode = self._setting
            return
        try:
            self._canceller = Canceller()
        except AudioError as error:
            if self._setting == "cancel":
                raise
            self._fall_back(f"the microphone is off while the agent speaks: {error}")
        else:
            self._mode = "cancel"

    def _fall_back(self, message: str) -> None:
        self._mode = "half_duplex"
        self._report(WarningEvent("echo", "echo.half_duplex", message))

    async def _follow(self, monitor: Monitor) -> None:
        async for block in monitor:
            self.floor.add(block)
            self._reference.add(block)

    def _hear(self, block: Audio) -> Audio | None:
        """What can be said of the microphone now: nearly always all of it."""
        self._pending.extend(self._frames.add(block))
        if len(self._pending) > _PATIENCE and not self._ready():
            self._reference.hurry()
        done = []
        began = self._pending[0][0] if self._pending else 0.0
        while self._pending and self._ready():
            done.append(self._work(*self._pending.popleft()))
        if not done:
            return None
        return Audio(np.concatenate(done), MICROPHONE_RATE, began - DELAY / MICROPHONE_RATE)

    def _ready(self) -> bool:
        return self._reference.covers(self._pending[0][0], _FRAME_S)

    def _work(self, time: float, near: NDArray[np.float32]) -> NDArray[np.float32]:
        """A frame of the microphone without the agent, `DELAY` samples later."""
        raw = np.concatenate((self._behind, near))
        self._behind = raw[FRAME:]
        raw = raw[:FRAME]
        far, follows = self._reference.read(time, FRAME)
        cleaned = np.zeros(FRAME, np.float32)
        if self._canceller is not None:
            if not follows:
                self._canceller.reset()
            cleaned = self._canceller.clean(near, far)
        if self._mode == "half_duplex":
            cleaned[:] = 0
        share = float(self._mode != "off" and self._sounds(time))
        slope = np.linspace(self._share, share, FRAME, dtype=np.float32)
        self._share = share
        return raw + slope * (cleaned - raw)

    def _sounds(self, time: float) -> bool:
        """Whether the agent's voice, or what is left of it in the room, may be heard."""
        times = (
            (time + _MARGIN, time, time - ROOM)
            if self._mode == "cancel"
            else (time + _MARGIN, time)
        )
        return any(self.floor.since(time) is not None for time in times)
