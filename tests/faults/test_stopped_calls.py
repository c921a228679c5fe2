"""What the user stopped is not done: no call starts while its reply is held, or after a stop."""

from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from agent.conversation.floor import Floor
from llm_adapters import ToolCall
from tests.agent import toys
from tests.agent.conversation.simulated import Conversation, converse
from tests.agent.fakes import FakeLlm, FakeStt, Scripted

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize(
        "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})], ids=["virtual"]
    ),
]
CALL = ToolCall("1", "slow_lookup", '{"what": "rome"}')


@pytest.fixture(autouse=True)
def fresh() -> None:
    toys.looked_up.clear()


class CallsLate(FakeLlm):
    """Speaks, thinks for a while, and calls: 7 words that take 1.4 s to say, the call after it."""

    def __init__(self, after: float, answer: list[str]) -> None:
        super().__init__([["let ", "me ", "look ", "that ", "up ", "for ", "you "], answer])
        self._after = after

    async def reply(self, messages: Any, tools: Any = ()) -> Any:
        first = not self.asked
        async for item in super().reply(messages, tools):
            yield item
        if first:
            await anyio.sleep(self._after)
            yield CALL


async def talk(voice: float, words: str, after: float, silence: float = 6.0) -> Conversation:
    """A question, and 0.8 s into the reply a voice of some length, with these words."""
    mic = Scripted([(0.5, False), (0.6, True), (1.0, False), (voice, True), (silence, False)])
    return await converse(
        mic,
        stt=FakeStt(["how is it in rome", words]),
        llm=CallsLate(after, ["It ", "is ", "noon."]),
        config={"tools": ["tests.agent.toys:slow_lookup"]},
    )


@pytest.mark.parametrize("after", [1.1, 1.2, 1.3, 1.5, 1.7])
async def test_no_call_of_a_reply_that_was_cut(after: float) -> None:
    """The call comes while the user speaks over the reply, which is silent then."""
    result = await talk(1.2, "wait what time is it", after)
    assert result.of("assistant.interrupted")
    assert result.of("tool.called") == []
    assert toys.looked_up == []
    assert result.history()[-1][:2] == ("assistant", "It is noon.")


@pytest.mark.parametrize("after", [1.25, 1.35, 1.5])
async def test_the_call_waits_for_a_cough_to_be_over(after: float) -> None:
    """The reply is silent while the call comes; nothing was said, and both go on."""
    result = await talk(0.6, "", after)
    (resumed,) = (t for t, e in result.events if e["type"] == "assistant.resumed")
    (called,) = (t for t, e in result.events if e["type"] == "tool.called")
    assert called >= resumed
    assert toys.looked_up == ["rome"]


async def test_no_call_while_the_user_speaks_before_the_reply_has_begun() -> None:
    mic = Scripted([(0.5, False), (0.6, True), (0.5, False), (1.0, True), (6, False)])
    result = await converse(
        mic,
        stt=FakeStt(["switch on the oven please", "no wait please"]),
        llm=FakeLlm([[CALL], ["All ", "right."]], first=0.8),
        config={"tools": ["tests.agent.toys:slow_lookup"], "turn": {"speculate": "stt"}},
    )
    assert result.of("tool.called") == []
    assert result.history()[-1][:2] == ("assistant", "All right.")


@pytest.mark.parametrize("then", ["hold", "lose"])
async def test_the_floor_is_not_had_by_whoever_wakes_up_too_late(then: str) -> None:
    floor, acted = Floor(), False

    async def act() -> None:
        nonlocal acted
        await floor.wait()
        acted = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(act)
        await anyio.wait_all_tasks_blocked()
        floor.resume()  # not without a commit
        await anyio.wait_all_tasks_blocked()
        floor.take()
        getattr(floor, then)()
        await anyio.wait_all_tasks_blocked()
        assert not acted
        floor.resume()
        await anyio.wait_all_tasks_blocked()
        assert acted is (then == "hold")
        tasks.cancel_scope.cancel()
