"""The intake: what is done to each block of the microphone before anybody listens to it."""

from dataclasses import replace

import numpy as np

from agent.audio.echo.stage import EchoStage
from agent.audio.gate import Gate
from agent.audio.inlet import Inlet
from agent.events import Audio


class Intake:
    """An intake takes the microphone's blocks in, for whoever listens.

    It is no stage of its own, for handing on would cost more than what is done: `inlet` guards the
    samples, `echo` (while its `follow` runs) takes the agent's voice out of them, and `gate` mutes
    what is left.
    """

    def __init__(self, inlet: Inlet, echo: EchoStage, gate: Gate | None = None) -> None:
        self._inlet = inlet
        self._echo = echo
        self._gate = gate

    def __call__(self, block: Audio) -> list[Audio]:
        """Return what can be said of the microphone now; a mark stays where it is."""
        mark = block.mark
        if mark is None:
            return self._hear(block)
        end = None if block.time is None else block.time + block.duration
        nothing = Audio(block.pcm[:0], block.sample_rate, end, mark)
        return [*self._hear(replace(block, mark=None)), nothing]

    def _hear(self, block: Audio) -> list[Audio]:
        cleaned = self._echo.clean(self._inlet.guard(block))
        if self._gate is None or not self._gate.muted:
            return cleaned
        return [replace(each, pcm=np.zeros_like(each.pcm)) for each in cleaned]
