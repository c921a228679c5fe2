"""The intake: what is done to each block of the microphone before anybody listens to it.

Three things in one stage: each by itself would cost more in handing on than in doing.
"""

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.audio.echo.stage import EchoStage
from agent.audio.gate import Gate
from agent.audio.inlet import Inlet
from agent.events import Audio
from agent.graph import put


class Intake:
    """An intake is the stage between a microphone and whoever listens.

    `inlet` guards the samples, `echo` takes the agent's voice out of them, and `gate` mutes and
    marks what is left; the latter two are optional.
    """

    def __init__(
        self, inlet: Inlet, echo: EchoStage | None = None, gate: Gate | None = None
    ) -> None:
        self._inlet = inlet
        self._echo = echo
        self._gate = gate

    async def __call__(
        self, receive: MemoryObjectReceiveStream[Audio], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        """Run until the microphone ends."""
        async with anyio.create_task_group() as tasks:
            if self._echo is not None:
                await tasks.start(self._echo.follow)
            if self._gate is not None:
                tasks.start_soon(self._gate.send_marks, send)
            async for block in receive:
                guarded = self._inlet.guard(block)
                cleaned = [guarded] if self._echo is None else self._echo.clean(guarded)
                for each in cleaned:
                    await put(send, each if self._gate is None else self._gate.pass_on(each))
            tasks.cancel_scope.cancel()
