"""Taps: all audio that passes is also told to a callback, for meters and recordings."""

from collections.abc import Callable
from contextlib import closing

import anyio
from anyio.abc import TaskStatus
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.audio.output import Output
from agent.audio.speaker import Speaker
from agent.events import Audio


class Tap:
    """A stage that passes audio on and tells `hear` of every block."""

    def __init__(self, hear: Callable[[Audio], None]) -> None:
        self._hear = hear

    async def __call__(
        self, receive: MemoryObjectReceiveStream[Audio], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        """Pass on everything."""
        async for block in receive:
            self._hear(block)
            await send.send(block)


class TappedSpeaker:
    """A speaker that tells `hear` of every block that it plays, silence too."""

    def __init__(self, speaker: Speaker, hear: Callable[[Audio], None]) -> None:
        self._speaker = speaker
        self._hear = hear

    @property
    def playback(self) -> Output:
        """The speaker's own."""
        return self._speaker.playback

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Play until cancelled, listening in."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._run_speaker)
            with closing(self.playback.monitor()) as monitor:
                task_status.started()
                async for block in monitor:
                    self._hear(block)

    async def _run_speaker(self, *, task_status: TaskStatus[None]) -> None:
        await self._speaker.run(task_status=task_status)
