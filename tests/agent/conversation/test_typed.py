"""Turns that are typed, beside spoken ones or alone, on a virtual clock."""

from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from agent import Agent, Config
from agent.conversation.activity import ReplyText
from agent.events import AssistantInterrupted, Decision, Event
from llm_adapters import ToolCall
from tests.agent import toys
from tests.agent.conversation.test_conversation import QUIET, an_agent, said, talking
from tests.agent.fakes import FakeLlm, Scripted

pytestmark = pytest.mark.anyio

STORY = [f"word{n} " for n in range(20)]  # 4 s


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def in_writing(llm: FakeLlm, **config: Any) -> Agent:
    return Agent(Config.model_validate(config), llm=llm, listens=False, speaks=False)


async def test_typed_and_spoken_turns_are_one_conversation() -> None:
    agent = an_agent([["One."], ["Two."], ["Three."]], ["spoken"])
    microphone = Scripted([(3, False), (1, True), (10, False)])
    async with talking(agent, microphone) as conversation:
        assert await conversation.ask("typed") == "One."
        await anyio.sleep(8)
        assert await conversation.ask("typed again") == "Three."
    assert said(conversation) == [
        ("user", "typed"),
        ("assistant", "One."),
        ("user", "spoken"),
        ("assistant", "Two."),
        ("user", "typed again"),
        ("assistant", "Three."),
    ]


async def test_who_types_while_the_agent_speaks_is_answered() -> None:
    agent = an_agent([STORY, ["Yes."]])
    async with talking(agent) as conversation, anyio.create_task_group() as tasks:
        tasks.start_soon(conversation.ask, "a story")
        await anyio.sleep(1.1)
        assert await conversation.ask("are you there") == "Yes."
    heard = [text for role, text in said(conversation) if role == "assistant"]
    assert heard == ["word0 word1 word2 word3 word4", "Yes."]


@pytest.mark.parametrize("speaks", [True, False])
async def test_a_typed_yes_is_a_yes(speaks: bool) -> None:
    toys.looked_up.clear()
    call = ToolCall("1", "slow_lookup", '{"what": "rome"}')
    replies: list[Any] = [[call], ["Sunny."]]
    tools = [{"function": "tests.agent.toys:slow_lookup", "confirm": "Shall I look up {what}?"}]
    agent = an_agent(replies, tools=tools) if speaks else in_writing(FakeLlm(replies), tools=tools)
    async with talking(agent, remote=not speaks) as conversation:
        assert await conversation.ask("how is it in rome") == "Shall I look up rome?"
        assert await conversation.ask("yes please") == "Sunny."
    assert toys.looked_up == ["rome"]


async def test_who_types_wakes_it() -> None:
    events: list[Event] = []
    agent = an_agent([["Yes."]], idle={"after": 2, "prompts": 1})
    async with talking(agent, report=events.append) as conversation:
        await anyio.sleep(10)
        await conversation.ask("hello")
    assert [e.what for e in events if isinstance(e, Decision)][:3] == ["idle", "sleep", "wake"]


async def test_in_writing_nothing_is_loaded_and_nothing_is_spoken() -> None:
    texts: list[str] = []
    llm = FakeLlm([["It is ", "noon."]])
    agent = in_writing(llm, agent={"greeting": "Good day."}, turn={"detector": "smart_turn"})
    await agent.load()

    def watch(item: object) -> None:
        if isinstance(item, ReplyText):
            texts.append(item.delta)

    async with talking(agent, QUIET, remote=True, watch=watch) as conversation:
        await anyio.sleep(1)
        assert await conversation.ask("what time is it") == "It is noon."
        conversation.update(voice="another")  # is no matter
    assert texts == ["Good day.", "It is ", "noon."]
    assert said(conversation) == [
        ("assistant", "Good day."),
        ("user", "what time is it"),
        ("assistant", "It is noon."),
    ]


async def test_what_was_written_by_then_is_remembered() -> None:
    events: list[Event] = []
    agent = in_writing(FakeLlm([STORY], between=1.0))
    async with (
        talking(agent, QUIET, remote=True, report=events.append) as conversation,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(conversation.ask, "a story")
        await anyio.sleep(2.5)
        conversation.interrupt()
    assert said(conversation)[-1] == ("assistant", "word0 word1 word2")
    (interrupted,) = (e for e in events if isinstance(e, AssistantInterrupted))
    assert interrupted.heard == "word0 word1 word2"
