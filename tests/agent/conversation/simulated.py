"""A whole conversation on a virtual clock, and what came of it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.config.load import Config
from agent.conversation.session import Session
from agent.events import Event, Hearing, nobody
from agent.graph import Stage
from llm_adapters import LanguageModel
from stt import SpeechToText, Transcript
from tests.agent.fakes import RATE, TTS_RATE, FakeStt, FakeTts, LoudnessVad, Scripted
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
    hearing: Hearing = nobody,
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
        result.session = await agent.converse(microphone, speaker, report, hearing=hearing)
    return result


QUESTION = "what time is it"
STORY = [f"word{n} " for n in range(40)]

TICK = 0.032 + 0.02
"""A window of the voice detector and a block of the speaker: what a decision may be late by."""

START = 2.5
"""When the voice begins in `over_the_story`."""


def one_turn(*, after: float = 4.0) -> Scripted:
    """A second of silence, a second of the user, and time for the answer."""
    return Scripted([(1, False), (1, True), (after, False)])


def over_the_story(voice: float, *, after: float = 12.0) -> Scripted:
    """A question, and a second into the reply a voice of some length."""
    return Scripted([(0.5, False), (0.5, True), (1.5, False), (voice, True), (after, False)])


def words_of(talk: Conversation) -> list[str]:
    """What the agent was heard saying, reply by reply."""
    return [content for role, content, _ in talk.history() if role == "assistant"]


class PartialStt(FakeStt):
    """Says what it has understood so far: per utterance (seconds heard, words), and the final."""

    def __init__(self, *utterances: list[tuple[float, str]]) -> None:
        super().__init__([words[-1][1] for words in utterances])
        self._partials = list(utterances)

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator["Any", None]:
        async with super().listen() as recognition:
            partials = self._partials.pop(0)
            feed = recognition.feed

            async def feed_partially(pcm: NDArray[np.float32]) -> Transcript | None:
                await feed(pcm)
                known = [text for at, text in partials if at <= recognition.samples / RATE]
                return Transcript(known[-1]) if known else None

            recognition.feed = feed_partially  # type: ignore[method-assign]
            yield recognition
