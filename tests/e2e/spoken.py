"""A conversation in real time, without sound cards, for recognisers: the user says a clip."""

from typing import Any

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.audio.wav import read_audio
from agent.config.load import Config
from agent.events import Audio, Event
from stt import SpeechToText
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeTts
from tests.paths import AUDIO

SILENCE = 1.1
"""Seconds after each clip."""


async def converse(
    stt: SpeechToText, clips: list[str], config: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The events of a conversation in which the user says `clips`, and each is answered."""
    silence = np.zeros(round(SILENCE * 16000), np.float32)
    parts = [part for clip in clips for part in (read_audio(AUDIO / f"{clip}.wav")[0], silence)]
    events: list[dict[str, Any]] = []

    async def microphone(
        _: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        pcm = np.concatenate(parts)
        began = anyio.current_time()
        for start in range(0, len(pcm), 320):
            await anyio.sleep_until(began + (start + 320) / 16000)
            await send.send(Audio(pcm[start : start + 320], 16000))

    async def nowhere(_pcm: NDArray[np.float32], _when: float) -> None:
        """No sound card."""

    def report(event: Event) -> None:
        events.append(event.record())

    settings = Config.model_validate({"echo": "off", **(config or {})})
    llm = FakeLlm([["Fine."]] * len(clips))
    async with Agent.open(settings, stt=stt, llm=llm, tts=FakeTts()) as agent:
        with anyio.fail_after(60):
            await agent.converse(microphone, PacedSpeaker(TTS_RATE, nowhere), report)
    return events
