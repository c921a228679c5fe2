"""The voice answers in the language of the turn, where the engine has a voice for it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from trio.testing import MockClock

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.config.load import Config
from stt import Transcript
from tests.agent.conversation.simulated import converse
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeStt, FakeTts, LoudnessVad, Scripted
from tts import Utterance

pytestmark = pytest.mark.anyio

TWO_TURNS = Scripted([(1, False), (1, True), (3, False), (1, True), (3, False)])


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class BilingualStt(FakeStt):
    """Tells the language of each turn."""

    def __init__(self, turns: dict[str, str | None]) -> None:
        super().__init__([*turns])
        self._turns = turns

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[Any]:
        async with super().listen() as recognition:
            finish = recognition.finish

            async def finish_in_a_language() -> Transcript:
                text = (await finish()).text
                return Transcript(text, language=self._turns[text])

            recognition.finish = finish_in_a_language  # type: ignore[method-assign]
            yield recognition


@dataclass
class ManyTongues(FakeTts):
    """Has a voice for Spanish; `spoke` are the voices it was opened in."""

    tongue: str = "en"
    spoke: list[str] = field(default_factory=list)

    def in_language(self, language: str) -> FakeTts:
        return ManyTongues(tongue="es", spoke=self.spoke) if language == "es" else self

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Any]:
        self.spoke.append(self.tongue)
        async with super().open() as utterance:
            yield utterance


@pytest.mark.parametrize("speculate", ["all", "off"])
@pytest.mark.parametrize(
    ("languages", "voices"),
    [(("es", "en"), ["es", "en"]), (("es", None), ["es", "es"]), (("pl", "es"), ["en", "es"])],
)
async def test_it_follows_the_turn(
    languages: tuple[str, str | None], voices: list[str], speculate: str
) -> None:
    tts = ManyTongues()
    talk = await converse(
        TWO_TURNS,
        stt=BilingualStt(dict(zip(("one", "two"), languages, strict=True))),
        llm=FakeLlm([["Yes."]] * 8),
        tts=tts,
        config={"turn": {"speculate": speculate}},
    )
    assert len(talk.of("assistant.done")) == 2
    assert tts.spoke == voices


async def test_a_voice_that_was_chosen_stays() -> None:
    """As a session of the Realtime server chooses one."""
    chosen, configured = FakeTts(), ManyTongues()
    opened: list[Utterance] = []

    class Chosen(FakeTts):
        @asynccontextmanager
        async def open(self) -> AsyncGenerator[Any]:
            async with chosen.open() as utterance:
                opened.append(utterance)
                yield utterance

    async def nowhere(_pcm: Any, _when: float) -> None:
        """Nobody listens."""

    agent = Agent(
        Config.model_validate({"echo": "off"}),
        stt=BilingualStt({"one": "es", "two": "en"}),
        llm=FakeLlm([["Yes."]] * 8),
        tts=configured,
        vad=LoudnessVad(),
    )
    async with agent.start(TWO_TURNS, PacedSpeaker(TTS_RATE, nowhere)) as conversation:
        conversation.update(voice=Chosen())
        await conversation.wait()
    assert (len(opened), configured.spoke) == (2, [])
