"""A configuration that changes in mid-conversation, on a virtual clock."""

from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.config.load import Config
from agent.conversation.reloading import changed_keys, reload
from agent.errors import ConfigError
from llm_adapters import ToolCall
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeStt, FakeTts, LoudnessVad, Scripted

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def config(**sections: Any) -> Config:
    return Config.model_validate({"echo": "off", **sections})


async def nowhere(_pcm: Any, _when: float) -> None:
    """Where nobody listens."""


async def test_what_can_be_changed_counts_from_the_next_turn_on_and_the_rest_is_told() -> None:
    llm = FakeLlm([["One."], ["Two."]])
    before = config(agent={"instructions": "Be brief."}, tools=["time"])
    after = config(
        agent={"instructions": "Be kind.", "greeting": "Hi."},
        tools=["volume"],
        turn={"silence": 1.5, "detector": "smart_turn"},
        microphone={"device": "other"},
        thinking={"say": "Well"},
    )
    agent = Agent(before, stt=FakeStt([]), llm=llm, tts=FakeTts(), vad=LoudnessVad())
    with anyio.fail_after(100):
        async with agent.start(Scripted([(60, False)]), PacedSpeaker(TTS_RATE, nowhere)) as talk:
            assert await talk.ask("hello") == "One."
            done = await reload(talk, agent.changing, before, after)
            assert await talk.ask("again") == "Two."
    assert str(done) == (
        "changed from the next turn on: agent.instructions, agent.greeting, turn.silence, tools; "
        "needs a restart: microphone.device (it is open), "
        "turn.detector (Smart-Turn is loaded once), thinking.say (it is spoken in advance)"
    )
    assert llm.asked[1][0].content.endswith("Be kind.")
    assert [spec.name for spec in llm.offered[1]] == ["volume"]
    assert [message.content for message in llm.asked[1][1:]] == ["hello", "One.", "again"]
    assert (talk.config.turn.silence, talk.config.turn.detector) == (1.5, "words")
    assert (talk.config.microphone.device, talk.config.thinking.say) == (None, "")


async def test_a_new_model_is_loaded_and_answers() -> None:
    before = config()
    agent = Agent(before, stt=FakeStt([]), llm=FakeLlm([]), tts=FakeTts(), vad=LoudnessVad())
    after = config(llm={"adapter": "llama", "model": "none.gguf"})
    with anyio.fail_after(100):
        async with agent.start(Scripted([(60, False)]), PacedSpeaker(TTS_RATE, nowhere)) as talk:
            agent.pool.add(after, llm=FakeLlm([["New."]]))
            assert str(await reload(talk, agent.changing, before, after)) == (
                "changed from the next turn on: llm.adapter"
            )
            assert await talk.ask("who are you") == "New."


class ClosedLlm(FakeLlm):
    """A model that notes when it is closed, and waits in its answer."""

    def __init__(self, *replies: list[str], wait: anyio.Event | None = None) -> None:
        super().__init__([*replies])
        self.closed = 0
        self._wait = wait

    async def aclose(self) -> None:
        self.closed += 1

    async def reply(self, *given: Any) -> Any:
        async for item in super().reply(*given):
            yield item
            if self._wait is not None:
                await self._wait.wait()


@pytest.mark.parametrize("speaks", [False, True])
async def test_an_engine_that_is_replaced_is_let_go_when_nobody_uses_it(speaks: bool) -> None:
    go_on = anyio.Event()
    before, after = config(), config(llm={"adapter": "openai", "model": "other"})
    old, new = ClosedLlm(["Old ", "one."], wait=go_on if speaks else None), ClosedLlm(["New."])
    agent = Agent(before, stt=FakeStt([]), llm=old, tts=FakeTts(), vad=LoudnessVad())
    await agent.load()
    with anyio.fail_after(100):
        async with (
            agent.start(Scripted([(60, False)]), PacedSpeaker(TTS_RATE, nowhere)) as talk,
            anyio.create_task_group() as tasks,
        ):
            if speaks:
                tasks.start_soon(talk.ask, "hello")
                await anyio.sleep(0.2)
            agent.pool.add(after, llm=new)
            await reload(talk, agent.changing, before, after)
            assert (old.closed, new.closed) == (not speaks, 0)
            if speaks:
                go_on.set()
                await anyio.sleep(2)
                assert [each.content for each in talk.history.messages[2:]] == ["Old one."]
            assert await talk.ask("who are you") == "New."
            assert (old.closed, new.closed) == (1, 0)
    await agent.aclose()
    assert (old.closed, new.closed) == (1, 1)
    assert agent.pool._engines == []


async def test_a_file_that_cannot_be_taken_up_leaves_no_engine_behind() -> None:
    before = config(tools=["time"])
    old, new = ClosedLlm(), ClosedLlm()
    agent = Agent(before, stt=FakeStt([]), llm=old, tts=FakeTts(), vad=LoudnessVad())
    await agent.load()
    broken = config(tools=["no.such:function"], llm={"adapter": "openai", "model": "other"})
    async with agent.start(Scripted([(60, False)]), PacedSpeaker(TTS_RATE, nowhere)) as talk:
        agent.pool.add(broken, llm=new)
        with pytest.raises(ConfigError, match=r"no\.such:function"):
            await reload(talk, agent.changing, before, broken)
    assert (old.closed, new.closed) == (0, 1)


async def test_what_cannot_be_loaded_or_made_changes_nothing() -> None:
    before = config(tools=["time"])
    llm = FakeLlm([["One."]])
    agent = Agent(before, stt=FakeStt([]), llm=llm, tts=FakeTts(), vad=LoudnessVad())
    with anyio.fail_after(100):
        async with agent.start(Scripted([(60, False)]), PacedSpeaker(TTS_RATE, nowhere)) as talk:
            broken = config(tools=["no.such:function"], agent={"instructions": "Be kind."})
            with pytest.raises(ConfigError, match=r"no\.such:function"):
                await reload(talk, agent.changing, before, broken)
            assert await talk.ask("hello") == "One."
    assert talk.config == before
    assert [spec.name for spec in llm.offered[0]] == ["time"]


async def test_the_agent_that_speaks_goes_on_and_others_may_come() -> None:
    def house(**more: Any) -> Config:
        return config(agents={"a": {}, "b": {"instructions": "Be B."}, **more})

    llm = FakeLlm([[ToolCall("1", "handoff", '{"agent": "b"}')], ["B."], ["Still."]])
    agent = Agent(house(), stt=FakeStt([]), llm=llm, tts=FakeTts(), vad=LoudnessVad())
    with anyio.fail_after(100):
        async with agent.start(Scripted([(60, False)]), PacedSpeaker(TTS_RATE, nowhere)) as talk:
            assert await talk.ask("b please") == "B."
            done = await reload(talk, agent.changing, house(), house(c={"description": "new"}))
            assert done.applied == ("agents.a.handoff", "agents.b.handoff", "agents.c")
            assert await talk.ask("hello") == "Still."
    assert llm.asked[2][0].content.endswith("Be B.")
    (handoff,) = llm.offered[2]
    assert handoff.parameters["properties"]["agent"]["enum"] == ["a", "c"]


def test_keys_that_differ() -> None:
    before, after = (
        config(),
        config(tts={"engine": "command", "command": ["say"]}, idle={"after": 5}),
    )
    assert [*changed_keys(before, after)] == ["idle.after", "tts.engine"]
    assert [*changed_keys(before, before)] == []
