"""The system message: preamble, sounds, instructions; and what becomes of the sounds."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from trio.testing import MockClock

from agent.config.sections import PREAMBLE
from agent.conversation.prompt import system_message
from tests.agent.conversation.simulated import converse
from tests.agent.fakes import FakeLlm, FakeStt, FakeTts, FakeUtterance, Scripted
from tts.clean import SOUNDS, SpeechText


def test_its_parts() -> None:
    assert system_message("", "") == ""
    assert system_message(" ", "Be kind.\n") == "Be kind."
    assert system_message(PREAMBLE, "Be kind.") == f"{PREAMBLE}\n\nBe kind."
    *_, note, instructions = system_message(PREAMBLE, "Be kind.", SOUNDS).split("\n\n")
    assert "(laughs), (chuckles)" in note
    assert instructions == "Be kind."


def test_it_can_itself_be_spoken() -> None:
    """It shows the style that it asks for: nothing in it has to be cleaned away."""
    text = SpeechText()
    assert text.feed(PREAMBLE) + text.finish() == PREAMBLE


@dataclass
class Voice(FakeTts):
    """Notes what it is given to speak."""

    spoken: str = ""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[FakeUtterance, None]:
        async with super().open() as utterance:
            feed = utterance.feed

            async def note(text: str) -> None:
                self.spoken += text
                await feed(text)

            utterance.feed = note  # type: ignore[method-assign]
            yield utterance


@dataclass
class ExpressiveVoice(Voice):
    """Can laugh."""

    sounds: list[str] = field(default_factory=lambda: ["laughs"])


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})])
@pytest.mark.parametrize(
    ("voice", "config", "told", "spoken"),
    [
        (Voice, {}, False, "Funny indeed."),
        (ExpressiveVoice, {}, True, "Funny (laughs) indeed."),
        (ExpressiveVoice, {"sounds": False}, False, "Funny (laughs) indeed."),
        (Voice, {"preamble": "Rhyme.", "instructions": "Be kind."}, False, "Funny indeed."),
    ],
)
async def test_sounds_are_for_voices_that_make_them(
    voice: type[Voice], config: dict[str, Any], *, told: bool, spoken: str
) -> None:
    llm, tts = FakeLlm([["Funny ", "(laughs) ", "indeed."]]), voice()
    await converse(
        Scripted([(1, False), (1, True), (3, False)]),
        stt=FakeStt(["tell me a joke"]),
        llm=llm,
        tts=tts,
        config={"agent": config},
    )
    system = llm.asked[0][0]
    assert system.role == "system"
    assert ("(laughs)" in system.content) is told
    assert system.content.startswith(config.get("preamble", PREAMBLE))
    assert " ".join(tts.spoken.split()) == spoken
