"""Two agents talk with each other, on a virtual clock, and a user cuts in."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.config.load import Config, parse_config
from agent.errors import ConfigError
from agent.events import Event
from agent.pool import EnginePool
from llm_adapters import Message
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeStt, FakeTts, LoudnessVad, Scripted

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class FakeScripted(FakeTts):
    """A voice of dialogues: it notes the voices and what it is fed."""

    def __init__(self) -> None:
        super().__init__()
        self.fed: list[str] = []
        self.voices: list[Sequence[str]] = []

    @asynccontextmanager
    async def open_script(self, voices: Sequence[str] = (), **_: Any) -> AsyncGenerator[Any, None]:
        self.voices.append(voices)
        async with super().open() as utterance:
            feed = utterance.feed
            whole: list[str] = []

            async def noted(text: str) -> None:
                whole.append(text)
                await feed(text.replace("[S1] ", "").replace("[S2] ", ""))

            utterance.feed = noted  # type: ignore[method-assign]
            yield utterance
            self.fed.append("".join(whole))


def house(turns: int = 4, **more: Any) -> Config:
    data = {
        "echo": "off",
        "agents": {
            "anna": {"instructions": "Be Anna.", "llm": {"adapter": "openai", "model": "a"}},
            "ben": {"instructions": "Be Ben.", "llm": {"adapter": "openai", "model": "b"}},
        },
        "dialogue": {"topic": "tea", "turns": turns},
    }
    return Config.model_validate({**data, **more})


async def converse(
    config: Config,
    llms: Sequence[FakeLlm],
    stretches: list[tuple[float, bool]],
    *,
    stt: Sequence[str] = (),
    tts: FakeTts | None = None,
    earlier: Sequence[Message] = (),
) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []

    def report(event: Event) -> None:
        events.append(event.record())

    async def nowhere(_pcm: Any, _when: float) -> None:
        """Where nobody listens."""

    pool = EnginePool()
    pool.add(config.of("ben"), llm=llms[1])
    agent = Agent(
        config,
        vad=LoudnessVad(),
        pool=pool,
        stt=FakeStt([*stt]),
        llm=llms[0],
        tts=tts or FakeTts(),
    )
    with anyio.fail_after(1000):
        speaker = PacedSpeaker(TTS_RATE, nowhere)
        await agent.converse(Scripted(stretches), speaker, report, earlier=earlier)
    return events


def said(events: list[dict[str, Any]]) -> list[str]:
    return [event["text"] for event in events if event["type"] == "assistant.done"]


async def test_they_answer_one_another_as_often_as_they_may() -> None:
    anna, ben = FakeLlm([["Tea ", "is ", "good."], ["Green?"]]), FakeLlm([["Which?"], ["Black."]])
    events = await converse(house(), [anna, ben], [(12, False)])
    assert said(events) == ["Tea is good.", "Which?", "Green?", "Black."]
    # What the other has said is the user's word for a model, its own is its own.
    system, *told = ben.asked[1]
    assert system.content.startswith("This is a spoken conversation")
    assert "Be Ben.\n\nYou are ben, and talk with anna about tea;" in system.content
    assert [(message.role, message.content) for message in told] == [
        ("user", "Let us talk about tea.\nTea is good."),
        ("assistant", "Which?"),
        ("user", "Green?"),
    ]


async def test_a_user_who_cuts_in_is_answered_and_then_they_go_on() -> None:
    long = [f"word{n} " for n in range(20)]
    anna, ben = FakeLlm([long, ["You ", "are ", "right."], ["Well."]]), FakeLlm([["Indeed."]])
    stretches = [(1.0, False), (1.0, True), (10.0, False)]
    events = await converse(house(3), [anna, ben], stretches, stt=["stop I prefer coffee"])
    assert said(events) == ["You are right.", "Indeed.", "Well."]
    assert any(event["type"] == "assistant.interrupted" for event in events)
    (_, told) = ben.asked[0]
    heard = told.content.split("\n")
    assert heard[1].startswith("word0 word1")
    assert heard[2:] == ["(the listener:) stop I prefer coffee", "You are right."]


async def test_one_that_goes_on_begins_with_the_other_and_knows_who_said_what() -> None:
    anna, ben = FakeLlm([["Black."]]), FakeLlm([["Green."], ["Good."]])
    earlier = [
        Message("assistant", "Tea?", agent="ben"),
        Message("assistant", "Yes.", agent="anna"),
    ]
    events = await converse(house(3), [anna, ben], [(9, False)], earlier=earlier)
    assert said(events) == ["Green.", "Black.", "Good."]
    assert [(message.role, message.content) for message in ben.asked[0][1:]] == [
        ("user", "Let us talk about tea."),
        ("assistant", "Tea?"),
        ("user", "Yes."),
    ]


@pytest.mark.parametrize(
    ("voices", "given"), [((), []), (("anna.wav", "ben.wav"), ["anna.wav", "ben.wav"])]
)
async def test_an_engine_of_dialogues_speaks_as_both_of_its_speakers(
    voices: Sequence[str], given: list[str]
) -> None:
    agents = {
        name: {"llm": {"adapter": "openai", "model": name[0]}, **({"voice": v} if v else {})}
        for name, v in zip(("anna", "ben"), voices or ("", ""), strict=True)
    }
    config = house(2, agents=agents, tts={"engine": "dia2"})
    tts = FakeScripted()
    llms = FakeLlm([["Tea ", "is ", "good."]]), FakeLlm([["Which?"]])
    if voices:  # the second voice is one of the first's engine, which is not loaded here
        from agent.conversation.dialogue import speakers_of

        made = speakers_of([config.of("anna"), config.of("ben")], lambda _: tts)
        assert [each._voices for each in made] == [given, given]  # type: ignore[union-attr]
        return
    events = await converse(config, llms, [(6, False)], tts=tts)
    assert said(events) == ["Tea is good.", "Which?"]
    assert tts.fed == ["[S1] Tea is good.", "[S2] Which?"]
    assert tts.voices == [given, given]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dialogue: {topic: tea}\n", "1: dialogue.topic: needs two `agents`"),
        ("agents: {a: {}}\ndialogue: {topic: tea}\n", "2: dialogue.topic: needs two `agents`"),
        (
            "agents: {anna: {}, ben: {}}\ndialogue: {topic: tea, between: [anna, bne]}\n",
            "2: dialogue.between[1]: no such agent 'bne', did you mean 'ben'?",
        ),
        (
            "agents: {anna: {}, ben: {}}\ndialogue: {topic: tea, between: [ben, ben]}\n",
            "2: dialogue.between: should be two different agents",
        ),
    ],
)
def test_a_dialogue_with_nobody_is_told(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode(), "my.yaml")
    assert str(caught.value) == f"my.yaml:{told}"
