"""The intake: what is done to each block of the microphone before anybody listens to it."""

from collections.abc import Callable
from dataclasses import replace

from agent.audio.echo.stage import EchoStage
from agent.audio.gate import Gate
from agent.audio.inlet import Inlet
from agent.events import Audio, nobody


class Intake:
    """An intake takes the microphone's blocks in, for whoever listens.

    It is no stage of its own, for handing on would cost more than what is done: `inlet` guards the
    samples, `gate` makes silence of those that nobody is to have, `hear` is told what is left, and
    `echo` (while its `follow` runs) takes the agent's voice out of it.
    """

    def __init__(
        self,
        inlet: Inlet,
        echo: EchoStage,
        gate: Gate | None = None,
        hear: Callable[[Audio], None] = nobody,
    ) -> None:
        self._inlet = inlet
        self._echo = echo
        self._gate = gate
        self._hear = hear

    def __call__(self, block: Audio) -> list[Audio]:
        """Return what can be said of the microphone now; a mark stays where it is."""
        mark = block.mark
        if mark is None:
            return self._take(block)
        end = None if block.time is None else block.time + block.duration
        nothing = Audio(block.pcm[:0], block.sample_rate, end, mark)
        return [*self._take(replace(block, mark=None)), nothing]

    def _take(self, block: Audio) -> list[Audio]:
        block = self._inlet.guard(block)  # before the gate: who is muted has no dead microphone
        muted = self._gate is not None and self._gate.muted
        if self._gate is not None:
            block = self._gate.silence(block)
        self._hear(block)
        return self._echo.clean(block, muted=muted)
