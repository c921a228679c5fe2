"""A user as services of other frameworks hear them: Parley's own turns, and the words in them."""

from copy import copy

import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.config.sections import TurnSettings, VadSettings
from agent.engines import GuardedSpeechToText
from agent.events import Audio, Event
from agent.graph import Graph, task_group
from agent.turns.events import UserWords
from agent.turns.guarded_vad import GuardedVad
from agent.turns.segmenter import TurnSegmenter
from agent.turns.transcriber import Transcriber
from agent.turns.vad import SileroVad


class Hearing:
    """Hearing of users: a stage for each of them, Audio at any rate in, UserWords out.

    Their words are partial while they speak, preemptive in every pause, and final as soon as the
    pause is long enough for how finished they read.
    """

    def __init__(self, stt: GuardedSpeechToText, turn: TurnSettings) -> None:
        """`turn`: when a turn is over; by what it reads, or by silence."""
        self._stt = stt
        self._turn = turn
        self._vad = GuardedVad(SileroVad())

    async def load(self) -> None:
        """Load the recogniser and the voice detector. Raises SpeechToTextError, ParleyError."""
        async with task_group() as tasks:
            tasks.start_soon(self._stt.load)
            tasks.start_soon(self._vad.load)

    async def __call__(
        self, receive: MemoryObjectReceiveStream[Audio], send: MemoryObjectSendStream[UserWords], /
    ) -> None:
        """Hear one user until their sound ends."""
        stt = self._stt.conversation()
        segmenter = TurnSegmenter(copy(self._vad), VadSettings(), self._turn, words=True)
        transcriber = Transcriber(stt, _told_already, preemptive=True, judge=segmenter.read)
        await Graph(segmenter).then(transcriber)(receive, send)


def samples(pcm: bytes | memoryview) -> NDArray[np.float32]:
    """Return what 16 bit integers, little-endian, are as samples in [-1, 1]."""
    whole = np.frombuffer(pcm, "<i2", len(pcm) // 2).astype(np.float32)
    return whole / np.float32(32768)


def _told_already(_event: Event) -> None:
    """A turn that was not understood comes as `TranscriptionFailed`."""
