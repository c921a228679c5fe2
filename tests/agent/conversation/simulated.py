"""A whole conversation on a virtual clock, and what came of it."""

from dataclasses import dataclass, field
from typing import Any

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.config.load import Config
from agent.conversation.session import Session
from agent.events import Event
from agent.graph import Stage
from llm_adapters import LanguageModel
from stt import SpeechToText
from tests.agent.fakes import TTS_RATE, FakeTts, LoudnessVad
from tts import TextToSpeech


@dataclass
class Conversation:
    """What came of one: the log, the sound, the session."""

    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    sound: list[tuple[float, NDArray[np.float32]]] = field(default_factory=list)
    session: Session | None = None

    def types(self) -> list[str]:
        types = [event["type"] for _, event in self.events]
        return [kind for kind in types if kind != "decision"]

    def decisions(self) -> list[str]:
        return [event["what"] for event in self.of("decision")]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for _, event in self.events if event["type"] == kind]

    def time(self, kind: str, index: int = 0) -> float:
        return [t for t, event in self.events if event["type"] == kind][index]

    def history(self) -> list[tuple[str, str, bool]]:
        assert self.session is not None
        return [(m.role, m.content, m.interrupted) for m in self.session.history.messages[1:]]

    def first_sound(self, after: float = 0.0) -> float:
        """When the first sample that is not silence left the speaker."""
        starts = (
            when + np.flatnonzero(pcm)[0] / TTS_RATE
            for when, pcm in self.sound
            if pcm.any() and when >= after
        )
        return float(next(starts))

    def level(self, start: float, end: float) -> float:
        """The loudest sample between two times."""
        blocks = [np.abs(pcm).max() for when, pcm in self.sound if start <= when < end]
        return float(max(blocks, default=0.0))

    def last_sound(self, before: float = float("inf")) -> float:
        """When the last sample that is not silence left the speaker."""
        ends = [
            when + (np.flatnonzero(pcm)[-1] + 1) / TTS_RATE
            for when, pcm in self.sound
            if pcm.any() and when < before
        ]
        return float(ends[-1])


async def converse(
    microphone: Stage[Any, Any],
    *,
    stt: SpeechToText,
    llm: LanguageModel,
    tts: TextToSpeech | None = None,
    config: dict[str, Any] | None = None,
    **engines: Any,
) -> Conversation:
    """Talk to an agent with these engines until the microphone ends."""
    result = Conversation()

    async def sink(pcm: NDArray[np.float32], when: float) -> None:
        result.sound.append((when - began, pcm.copy()))

    def report(event: Event) -> None:
        result.events.append((anyio.current_time() - began, event.record()))

    began = anyio.current_time()
    agent = Agent(
        Config.model_validate({"echo": "off", **(config or {})}),
        stt=stt,
        llm=llm,
        tts=tts or FakeTts(),
        **{"vad": LoudnessVad(), **engines},
    )
    with anyio.fail_after(1000):
        speaker = PacedSpeaker(TTS_RATE, sink)
        result.session = await agent.converse(microphone, speaker, report)
    return result
