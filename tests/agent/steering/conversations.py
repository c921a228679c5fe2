"""Conversations to steer, on engines that cost nothing."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
from numpy.typing import NDArray

from agent import Agent, Audio, Config
from agent.audio.files import PacedSpeaker
from agent.steering.status import Status
from agent.steering.steering import Steering
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeStt, FakeTts, LoudnessVad, Scripted

LOUD = Scripted([(60, True)])
QUIET = Scripted([(60, False)])
STORY = [f"word{n} " for n in range(20)]
"""4 s of it."""


def an_agent(
    replies: list[Any] | None = None,
    words: list[Any] | None = None,
    *,
    stt: FakeStt | None = None,
    **config: Any,
) -> Agent:
    return Agent(
        Config.model_validate({"echo": "off", **config}),
        stt=stt or FakeStt(words or []),
        llm=FakeLlm(replies or []),
        tts=FakeTts(),
        vad=LoudnessVad(),
    )


async def _nowhere(_pcm: NDArray[np.float32], _when: float) -> None: ...


@asynccontextmanager
async def steered(
    agent: Agent,
    microphone: Any = QUIET,
    *,
    hear: Any = lambda _: None,
    name: str = "parley",
    **options: Any,
) -> AsyncGenerator[Steering]:
    """A live conversation of `agent`, and its steering."""
    status = Status("Parley")
    speaker = PacedSpeaker(TTS_RATE, _nowhere)
    with anyio.fail_after(100):
        async with (
            agent.start(microphone, speaker, status, hear=hear) as conversation,
            anyio.create_task_group() as tasks,
        ):
            yield Steering(conversation, status, tasks, name=name, **options)
            tasks.cancel_scope.cancel()


class Heard:
    """What a recording would have of the microphone."""

    def __init__(self) -> None:
        self.blocks: list[Audio] = []

    def __call__(self, block: Audio) -> None:
        self.blocks.append(block)

    @property
    def loud_s(self) -> float:
        """Seconds of sound."""
        return sum(np.count_nonzero(block.pcm) / block.sample_rate for block in self.blocks)
