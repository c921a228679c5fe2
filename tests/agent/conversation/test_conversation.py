"""The conversation that one holds in one's hand, on a virtual clock."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent import Agent, Audio, Config, ConfigError, Conversation
from agent.audio.files import PacedSpeaker
from agent.audio.remote import RemoteSpeaker
from agent.conversation.activity import Activity, ReplyAudio, ReplyCalls, ReplyMade, TurnDecided
from agent.events import AssistantDone, Event
from llm_adapters import Message, ToolCall, ToolSpec
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeStt, FakeTts, LoudnessVad, Scripted

pytestmark = pytest.mark.anyio

QUIET = Scripted([(60, False)])
STORY = [f"word{n} " for n in range(20)]  # 4 s


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def an_agent(
    replies: list[Any] | None = None, words: list[Any] | None = None, **config: Any
) -> Agent:
    return Agent(
        Config.model_validate({"echo": "off", **config}),
        stt=FakeStt(words or []),
        llm=FakeLlm(replies or []),
        tts=FakeTts(),
        vad=LoudnessVad(),
    )


async def nowhere(_pcm: NDArray[np.float32], _when: float) -> None: ...


@asynccontextmanager
async def talking(
    agent: Agent, microphone: Any = QUIET, *, remote: bool = False, **options: Any
) -> AsyncGenerator[Conversation]:
    with anyio.fail_after(100):
        speaker = RemoteSpeaker(TTS_RATE) if remote else PacedSpeaker(TTS_RATE, nowhere)
        async with agent.start(microphone, speaker, **options) as conversation:
            yield conversation


def said(conversation: Conversation) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in conversation.history.messages[1:]]


async def test_say_and_ask_return_what_was_heard() -> None:
    agent = an_agent([["It is ", "noon."]])
    async with talking(agent) as conversation:
        assert await conversation.say("Good morning.") == "Good morning."
        assert await conversation.ask("what time is it") == "It is noon."
    assert said(conversation) == [
        ("assistant", "Good morning."),
        ("user", "what time is it"),
        ("assistant", "It is noon."),
    ]


async def test_interrupt_keeps_what_was_heard() -> None:
    async with talking(an_agent([STORY])) as conversation, anyio.create_task_group() as tasks:

        async def ask() -> None:
            assert await conversation.ask("a story") == "word0 word1 word2 word3 word4"

        tasks.start_soon(ask)
        await anyio.sleep(1.1)
        conversation.interrupt()
    assert said(conversation)[-1] == ("assistant", "word0 word1 word2 word3 word4")


async def test_cancelling_who_asked_stops_the_agent() -> None:
    async with talking(an_agent([STORY, ["Yes."]])) as conversation:
        with anyio.move_on_after(1.1):
            await conversation.ask("a story")
        assert await conversation.ask("are you there") == "Yes."
    assert [text for role, text in said(conversation) if role == "assistant"] == [
        "word0 word1 word2 word3 word4",
        "Yes.",
    ]


async def test_what_is_cancelled_before_its_time_is_never_said() -> None:
    async with talking(an_agent([STORY])) as conversation, anyio.create_task_group() as tasks:
        tasks.start_soon(conversation.ask, "a story")
        await anyio.sleep(1.1)
        with anyio.move_on_after(0.5):
            await conversation.say("By the way.")
    assert "By the way." not in [text for _, text in said(conversation)]


async def test_push_to_talk() -> None:
    """No voice detector: what is heard is the user's turn, until it is committed."""
    agent = an_agent([["Noon."]], ["what time is it"], turn={"detector": "manual"})
    async with talking(agent, Scripted([(20, True)])) as conversation:
        async with anyio.create_task_group() as tasks:
            events: list[Event] = []

            async def read() -> None:
                with conversation.events() as happening:
                    async for event in happening:
                        events.append(event)
                        if isinstance(event, AssistantDone):
                            return

            tasks.start_soon(read)
            await anyio.sleep(2)
            assert said(conversation) == []
            conversation.commit_turn()
        assert AssistantDone(1, "Noon.") in events
    assert said(conversation)[:2] == [("user", "what time is it"), ("assistant", "Noon.")]


async def test_a_turn_is_committed_before_its_silence_is_over() -> None:
    agent = an_agent([["Noon."]], ["what time is it"], turn={"silence": 9, "detector": "silence"})
    async with talking(agent, Scripted([(1, False), (1, True), (60, False)])) as conversation:
        await anyio.sleep(2.5)
        conversation.commit_turn()
        await anyio.sleep(2)
        assert said(conversation) == [("user", "what time is it"), ("assistant", "Noon.")]


async def test_a_turn_that_is_cleared_never_was() -> None:
    agent = an_agent([], ["what time is it"])
    async with talking(agent, Scripted([(1, False), (1, True), (60, False)])) as conversation:
        await anyio.sleep(2.05)
        conversation.clear_turn()
        await anyio.sleep(5)
    assert said(conversation) == []


async def test_an_answer_waits_for_the_words_that_were_committed() -> None:
    agent = an_agent(
        [["Noon."]], ["what time is it"], turn={"detector": "manual", "respond": False}
    )
    agent.stt._stt.delay = 3  # type: ignore[attr-defined]
    async with talking(agent, Scripted([(20, True)])) as conversation:
        await anyio.sleep(2)
        conversation.commit_turn()
        assert await conversation.answer() == "Noon."
    assert said(conversation)[:2] == [("user", "what time is it"), ("assistant", "Noon.")]


async def test_a_turn_without_an_answer_is_remembered() -> None:
    agent = an_agent([["Two."]], ["one", "two"], turn={"respond": False})
    microphone = Scripted([(1, False), (1, True), (3, False), (1, True), (20, False)])
    async with talking(agent, microphone) as conversation:
        await anyio.sleep(10)
        assert await conversation.answer() == "Two."
    assert agent.llm._llm.asked[0][1:] == (Message("user", "one two"),)  # type: ignore[attr-defined]


async def test_muted_nothing_is_heard() -> None:
    async with talking(an_agent(), Scripted([(1, False), (2, True), (9, False)])) as conversation:
        conversation.mute()
        assert conversation.muted
        await conversation.wait()
    assert said(conversation) == []


async def test_instructions_tools_and_turn_taking_change_while_it_runs() -> None:
    def lucky_number() -> int:
        """The user's lucky number."""
        return 7

    replies = [[ToolCall("1", "lucky_number", "{}")], ["Seven."]]
    agent = an_agent(replies)
    llm = agent.llm._llm
    async with talking(agent) as conversation:
        conversation.update(instructions="Be brief.", tools=[lucky_number], turn={"silence": 2})
        assert await conversation.ask("my number") == "Seven."
        with pytest.raises(ConfigError, match=r"turn\.silence"):
            conversation.update(turn={"silence": -1}, instructions="No.")
        with pytest.raises(ConfigError, match="the voice 'another'"):
            conversation.update(voice="another", instructions="No.")
    assert conversation.config.turn.silence == 2
    assert conversation.config.agent.instructions == "Be brief."
    assert llm.asked[0][0].content.endswith("Be brief.")  # type: ignore[attr-defined]
    assert [spec.name for spec in llm.offered[0]] == ["lucky_number"]  # type: ignore[attr-defined]
    assert agent.config.agent.instructions != "Be brief."


async def test_a_tool_that_somebody_else_runs_ends_the_reply() -> None:
    spec = ToolSpec("open_door", "Open a door.", {"type": "object", "properties": {}})
    call = ToolCall("call-1", "open_door", "{}")
    agent = an_agent([["One moment.", call], ["It is open."]])
    seen: list[Activity] = []
    async with talking(agent, watch=seen.append) as conversation:
        conversation.update(tools=[spec])
        assert await conversation.ask("open the door") == "One moment."
        assert ReplyCalls(1, (call,)) in seen
        conversation.history.insert("out-1", Message("tool", "done", call_id="call-1"))
        assert await conversation.answer() == "It is open."
    assert agent.llm._llm.asked[1][1:] == (  # type: ignore[attr-defined]
        Message("user", "open the door"),
        Message("assistant", "One moment."),
        Message("assistant", "", calls=(call,)),
        Message("tool", "done", call_id="call-1"),
    )


async def test_a_listener_elsewhere_is_sent_it_at_once_and_says_what_it_heard() -> None:
    """4 s of speech are there at once; it sounds for 4 s; what was heard is corrected."""
    seen: list[Activity] = []
    async with talking(an_agent([STORY]), remote=True, watch=seen.append) as conversation:
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(conversation.ask, "a story")
            await anyio.sleep(0.1)
            audio = sum(len(each.pcm) for each in seen if isinstance(each, ReplyAudio))
            assert audio == 4 * TTS_RATE
            assert ReplyMade(1) in seen
        assert anyio.current_time() - began == pytest.approx(4, abs=0.01)
        assert said(conversation)[-1] == ("assistant", "".join(STORY).strip())
        assert conversation.truncate("reply-1", 1000) == "word0 word1 word2 word3 word4"
        assert conversation.history.messages[-1].interrupted
        with pytest.raises(KeyError):
            conversation.truncate("reply-7", 1000)
    assert said(conversation)[-1] == ("assistant", "word0 word1 word2 word3 word4")


async def test_barge_in_on_a_listener_elsewhere() -> None:
    """It is known when they play what: a voice in that time interrupts, and they say where."""
    seen: list[Activity] = []
    agent = an_agent([STORY, ["All right."]], ["a story", "stop that"])
    microphone = Scripted([(0.5, False), (0.5, True), (2, False), (1, True), (9, False)])
    async with talking(agent, microphone, remote=True, watch=seen.append) as conversation:
        await anyio.sleep(3.6)
        assert conversation.truncate("reply-1", 500) == "word0 word1"
        await conversation.wait()
    assert said(conversation) == [
        ("user", "a story"),
        ("assistant", "word0 word1"),
        ("user", "stop that"),
        ("assistant", "All right."),
    ]
    assert TurnDecided(2, "committed", "stop that") in seen


async def test_several_conversations_share_one_agent() -> None:
    """Detector, tools, history and settings are each one's own."""
    agent = an_agent([["One."], ["Two."]], ["one", "two"])
    heard: dict[int, list[tuple[str, str]]] = {}

    async def converse(number: int) -> None:
        await anyio.sleep(number * 0.016)  # their windows interleave
        microphone = Scripted([(0.5 + number, False), (0.5, True), (4, False)])
        async with talking(agent, microphone) as conversation:
            conversation.update(instructions=f"You are {number}.")
            await conversation.wait()
        heard[number] = said(conversation)
        assert f"You are {number}." in conversation.history.messages[0].content

    async with anyio.create_task_group() as tasks:
        for number in range(2):
            tasks.start_soon(converse, number)
    assert heard == {
        0: [("user", "one"), ("assistant", "One.")],
        1: [("user", "two"), ("assistant", "Two.")],
    }


async def test_text_alone_needs_no_voice() -> None:
    seen: list[Activity] = []
    agent = an_agent([["It is noon."]])
    async with talking(agent, remote=True, watch=seen.append) as conversation:
        conversation.session.replies.change(speaks=False)
        assert await conversation.ask("what time is it") == "It is noon."
    assert not [each for each in seen if isinstance(each, ReplyAudio)]
    assert said(conversation)[-1] == ("assistant", "It is noon.")


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_on_both_loops(anyio_backend: str) -> None:
    del anyio_backend
    agent = an_agent([["Yes."]])
    async with talking(agent, Scripted([(9, False)])) as conversation:
        assert await conversation.ask("are you there") == "Yes."


async def test_a_microphone_that_fails_ends_the_block() -> None:
    async def broken(_: Any, send: Any, /) -> None:
        await send.send(Audio(np.zeros(10, np.float32), 16000))
        raise OSError("no such device")

    async def talk() -> None:
        async with an_agent().start(broken, PacedSpeaker(TTS_RATE, nowhere)) as conversation:
            await conversation.wait()
            await anyio.sleep(1.1)

    with pytest.raises(Exception, match="microphone: no such device"):
        await talk()
