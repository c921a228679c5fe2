"""Several agents in one conversation, on a virtual clock: one hands over to another."""

from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.config.load import Config
from agent.errors import ConfigError
from agent.events import Event
from agent.pool import EnginePool
from llm_adapters import ToolCall
from tests.agent.conversation.simulated import Conversation
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeStt, FakeTts, LoudnessVad, Scripted

pytestmark = pytest.mark.anyio

TURN = [(0.5, False), (1.0, True), (4.0, False)]
HANDOFF = ToolCall("1", "handoff", '{"agent": "expert"}')


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class Household:
    """A front desk and an expert with a model and a voice each, and what came of a talk."""

    def __init__(self, front: FakeLlm, expert: FakeLlm, **keys: Any) -> None:
        own = {"tts": {"speed": 99}, "llm": {"adapter": "openai", "model": "e"}}
        self.config = Config.model_validate(
            {
                "echo": "off",
                "agents": {
                    "front": {"instructions": "You are the front.", "tools": ["time"]},
                    "expert": {
                        "description": "knows it all",
                        "instructions": "You are the expert.",
                        "tools": ["volume"],
                        **own,
                        **keys,
                    },
                },
            }
        )
        pool = EnginePool()
        self.voices = FakeTts(), FakeTts()
        pool.add(self.config.of("expert"), llm=expert, tts=self.voices[1])
        self.pool = pool
        self.front = front
        self.talk = Conversation()
        self.spoke: list[int] = []

    async def converse(self, stt: FakeStt, stretches: list[tuple[float, bool]]) -> Conversation:
        engines: dict[str, Any] = {"stt": stt, "llm": self.front, "tts": self.voices[0]}
        for number, voice in enumerate(self.voices):
            self._note(voice, number)
        agent = Agent(self.config, vad=LoudnessVad(), pool=self.pool, **engines)
        began = anyio.current_time()

        async def sink(pcm: Any, when: float) -> None:
            self.talk.sound.append((when - began, pcm.copy()))

        def report(event: Event) -> None:
            self.talk.events.append((anyio.current_time() - began, event.record()))

        with anyio.fail_after(1000):
            speaker = PacedSpeaker(TTS_RATE, sink)
            self.talk.session = await agent.converse(Scripted(stretches), speaker, report)
        return self.talk

    def _note(self, voice: FakeTts, number: int) -> None:
        opened = voice.open

        def open_() -> Any:
            self.spoke.append(number)
            return opened()

        voice.open = open_  # type: ignore[method-assign]


def said(talk: Conversation) -> list[str]:
    return [event["text"] for event in talk.of("assistant.done") if event["text"]]


async def test_the_new_agent_says_hello_in_its_voice_and_answers_from_then_on() -> None:
    expert = FakeLlm([["Certainly."]])
    house = Household(
        FakeLlm([["I ", "put ", "you ", "through. ", HANDOFF]]), expert, greeting="Expert here."
    )
    stt = FakeStt(["may I speak to an expert", "is it so"])
    talk = await house.converse(stt, [*TURN, (1.0, True), (4.0, False)])
    assert said(talk) == ["I put you through.", "Expert here.", "Certainly."]
    assert house.spoke == [0, 1, 1]
    (handoff,) = talk.of("agent.handoff")
    assert (handoff["from_agent"], handoff["to_agent"]) == ("front", "expert")
    # The history went along, under other instructions and with other tools.
    system, *rest = expert.asked[0]
    assert system.content.endswith("You are the expert.")
    contents = [message.content for message in rest if message.content]
    assert contents == [
        "may I speak to an expert",
        "done: from here on it is expert who speaks",
        "I put you through.",
        "Expert here.",
        "is it so",
    ]
    assert [spec.name for spec in expert.offered[0]] == ["volume", "handoff"]
    assert [spec.name for spec in house.front.offered[0]] == ["time", "handoff"]
    assert "knows it all" in house.front.offered[0][1].description


async def test_without_a_greeting_the_new_agent_answers_what_was_said() -> None:
    expert = FakeLlm([["Forty-", "two."]])
    house = Household(FakeLlm([[HANDOFF]]), expert)
    talk = await house.converse(FakeStt(["what is the answer"]), TURN)
    assert said(talk) == ["Forty-two."]
    assert [m.content for m in expert.asked[0] if m.role == "user"] == ["what is the answer"]


async def test_a_user_who_speaks_at_once_is_answered_and_not_greeted() -> None:
    """The hello is for a pause; who has asked something meanwhile has no use for it."""
    expert = FakeLlm([["Yes."]])
    words = [f"word{n} " for n in range(15)]
    house = Household(FakeLlm([[*words, HANDOFF]]), expert, greeting="Expert here.")
    stretches = [(0.5, False), (1.0, True), (1.5, False), (1.5, True), (5.0, False)]
    talk = await house.converse(FakeStt(["the expert please", "are you there now"]), stretches)
    assert said(talk) == ["Yes."]
    assert talk.of("agent.handoff")


async def test_a_handoff_to_nobody_is_told_to_the_model() -> None:
    nobody = ToolCall("1", "handoff", '{"agent": "expret"}')
    front = FakeLlm([[nobody], ["I ", "cannot."]])
    house = Household(front, FakeLlm([]))
    talk = await house.converse(FakeStt(["the expert please"]), TURN)
    assert said(talk) == ["I cannot."]
    assert not talk.of("agent.handoff")
    told = "error: agent: nobody is called 'expret', did you mean 'expert'?"
    assert [m.content for m in front.asked[1] if m.role == "tool"] == [told]


async def test_a_hello_is_said_though_the_microphone_has_ended() -> None:
    words = [f"word{n} " for n in range(20)]
    house = Household(FakeLlm([[*words, HANDOFF]]), FakeLlm([]), greeting="Expert here.")
    talk = await house.converse(FakeStt(["the expert please"]), [*TURN[:2], (1.0, False)])
    assert said(talk)[-1] == "Expert here."


async def test_a_program_hands_over_too() -> None:
    house = Household(FakeLlm([]), FakeLlm([]), greeting="Expert here.")
    engines: dict[str, Any] = {"stt": FakeStt([]), "llm": house.front, "tts": house.voices[0]}
    agent = Agent(house.config, vad=LoudnessVad(), pool=house.pool, **engines)

    async def sink(pcm: Any, when: float) -> None:
        del pcm, when

    async with agent.start(Scripted([(6, False)]), PacedSpeaker(TTS_RATE, sink)) as talk:
        with pytest.raises(ConfigError, match="there is no agent 'expret', did you mean 'expert'"):
            talk.hand_over("expret")
        with talk.events() as events:
            talk.hand_over("expert")
            with anyio.fail_after(10):
                async for event in events:
                    if event.type == "assistant.done":
                        assert event.record()["text"] == "Expert here."
                        break
    assert talk.config.agent.instructions == "You are the expert."
