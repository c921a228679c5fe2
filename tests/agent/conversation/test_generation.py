"""Generation: the tool loop between the model and what is spoken."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest
import trio.testing

from agent.conversation.floor import Floor
from agent.conversation.generation import Generation, ModelUsage, warm_up
from agent.conversation.tool_use import PATIENCE, ROUNDS
from agent.events import Event, NoticeEvent, WarningEvent
from agent.guards.foreign import describe
from agent.tools import Say, Toolbox, ToolCalled, ToolReturned
from agent.tools.function import function_tool
from llm_adapters import LanguageModelError, Message, Notice, ToolCall, ToolSpec, Usage
from tests.agent.fakes import FakeLlm
from tests.agent.tools.muted import Muted

pytestmark = pytest.mark.anyio

ASKED = (Message("system", "Be brief."), Message("user", "is the door open"))


@dataclass
class House:
    """Tools whose effects and timing the test sees."""

    opened: list[str] = field(default_factory=list)
    go: anyio.Event = field(default_factory=anyio.Event)
    running: anyio.Event = field(default_factory=anyio.Event)

    async def door(self, name: str) -> str:
        """Open a door."""
        self.running.set()
        await self.go.wait()
        self.opened.append(name)
        return f"the {name} door is open"

    async def broken(self) -> str:
        """Never works."""
        raise OSError("the house is on fire")


@dataclass
class Setting:
    """A toolbox and all that a generation needs."""

    toolbox: Toolbox
    house: House
    events: list[Event]
    floor: Floor
    waited: list[float]

    def generate(
        self, llm: FakeLlm, messages: Sequence[Message] = ASKED, turn: int = 1
    ) -> Generation:
        return Generation(
            llm,
            messages,
            self.toolbox,
            turn=turn,
            report=self.events.append,
            floor=self.floor,
            waiting=lambda: self.waited.append(anyio.current_time()),
        )


@asynccontextmanager
async def setting(*, committed: bool = True, **limits: object) -> AsyncGenerator[Setting, None]:
    events: list[Event] = []
    house = House()
    async with Toolbox.open([], Muted(), events.append) as toolbox:
        toolbox.add(function_tool(house.door, **limits))
        toolbox.add(function_tool(house.broken))
        made = Setting(toolbox, house, events, Floor(), [])
        if committed:
            made.floor.take()
        yield made


def door(name: str = "front", id: str = "1") -> ToolCall:  # noqa: A002 (the field's name)
    return ToolCall(id, "door", f'{{"name": "{name}"}}')


async def spoken(generation: Generation) -> str:
    async with aclosing(generation.text()) as text:
        return "".join([delta.text async for delta in text])


async def test_a_tool_runs_between_two_texts() -> None:
    async with setting() as s:
        s.house.go.set()
        llm = FakeLlm([["Let me see. ", door()], ["It ", "is."]])
        generation = s.generate(llm)
        assert await spoken(generation) == "Let me see. It is."
        result = Message("tool", "the front door is open", call_id="1")
        assert llm.asked == [
            ASKED,
            (*ASKED, Message("assistant", "Let me see. ", calls=(door(),)), result),
        ]
        # The words are kept as they were heard, which is not for the generation to say.
        assert generation.messages == (Message("assistant", "", calls=(door(),)), result)
        called, returned = s.events
        assert called == ToolCalled(1, "door", '{"name": "front"}')
        assert isinstance(returned, ToolReturned)
        assert (returned.result, returned.ok) == ("the front door is open", True)


async def test_sentences_stay_apart_and_are_not_held_back() -> None:
    async with setting() as s:
        generation = s.generate(FakeLlm([["Let ", "me ", "see.", door()], ["It ", "is."]]))
        async with aclosing(generation.text()) as text:
            said = "".join([(await anext(text)).text for _ in range(4)])
            assert said == "Let me see. "  # while the tool runs
            assert not s.house.go.is_set()
            s.house.go.set()
            assert said + "".join([delta.text async for delta in text]) == "Let me see. It is."


async def test_no_tool_before_the_commit() -> None:
    async with setting(committed=False) as s:
        s.house.go.set()
        generation = s.generate(FakeLlm([["Let me see. ", door()], ["Done."]]))
        async with anyio.create_task_group() as tasks, aclosing(generation.text()) as text:
            assert (await anext(text)).text == "Let me see. "

            async def commit() -> None:
                await anyio.wait_all_tasks_blocked()
                assert s.house.opened == []
                assert generation.messages == ()
                s.floor.take()

            tasks.start_soon(commit)
            assert (await anext(text)).text == "Done."
        assert s.house.opened == ["front"]


@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_leaving_before_the_commit_leaves_nothing(how: str) -> None:
    async with setting(committed=False) as s:
        generation = s.generate(FakeLlm([["Let me see. ", door()]]))
        if how == "close":
            async with aclosing(generation.text()) as text:
                await anext(text)
        else:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(spoken, generation)
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
        await anyio.wait_all_tasks_blocked()
        assert (generation.messages, s.events, s.house.opened) == ((), [], [])


async def test_a_tool_that_is_interrupted_finishes_and_is_not_run_again() -> None:
    async with setting() as s:
        first = s.generate(FakeLlm([[door()]]))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(spoken, first)
            await s.house.running.wait()
            tasks.cancel_scope.cancel()
        call, result = first.messages
        assert call.calls == (door(),)
        assert result.call_id == "1"
        assert "still running" in result.content

        llm = FakeLlm([[door(id="2")], ["It is open."]])
        second = s.generate(llm, (*ASKED, *first.messages, Message("user", "well?")), turn=2)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(spoken, second)
            await anyio.wait_all_tasks_blocked()
            s.house.go.set()
        assert s.house.opened == ["front"]
        assert first.messages[1].content == "the front door is open"
        assert second.messages[1] == Message("tool", "the front door is open", call_id="2")
        # What the model has been told of may be called again.
        await spoken(s.generate(FakeLlm([[door()], ["Again."]]), turn=3))
        assert s.house.opened == ["front", "front"]
        assert [type(e) for e in s.events] == [ToolCalled, ToolReturned] * 2


async def test_calls_run_at_the_same_time() -> None:
    async with setting() as s:
        llm = FakeLlm([[door("front", "1"), door("back", "2")], ["Both."]])
        generation = s.generate(llm)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(spoken, generation)
            await anyio.wait_all_tasks_blocked()
            assert sum(isinstance(e, ToolCalled) for e in s.events) == 2
            s.house.go.set()
        assert [m.call_id for m in generation.messages] == [None, "1", "2"]
        assert sorted(s.house.opened) == ["back", "front"]


async def test_a_failing_tool_is_an_answer_to_the_model() -> None:
    async with setting() as s:
        llm = FakeLlm([[ToolCall("1", "broken", "")], ["Sorry."]])
        assert await spoken(s.generate(llm)) == "Sorry."
        assert llm.asked[1][-1].content == "error: OSError: the house is on fire"
        returned = s.events[-1]
        assert isinstance(returned, ToolReturned)
        assert not returned.ok


@pytest.mark.parametrize("error", [SystemExit(3), RecursionError("deep"), ValueError()])
async def test_whatever_a_tool_raises_ends_no_more_than_itself(error: BaseException) -> None:
    async with setting() as s:

        def bad() -> None:
            """Raises."""
            raise error

        s.toolbox.add(function_tool(bad))
        llm = FakeLlm([[ToolCall("1", "bad", "")], ["Sorry."]])
        assert await spoken(s.generate(llm)) == "Sorry."
        assert llm.asked[1][-1].content.startswith(f"error: {describe(error)}")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (ToolCall("1", "window", "{}"), "error: there is no tool window; there are door, broken"),
        (ToolCall("1", "door", '{"name": '), "error: the arguments are not JSON"),
        (ToolCall("1", "door", "[1]"), "error: the arguments are not a JSON object"),
        (ToolCall("1", "door", "{}"), "error: name: Field required"),
        (ToolCall("1", "door", '{"name": "a", "lock": 1}'), "error: lock: Extra inputs are not"),
    ],
)
async def test_a_wrong_call_goes_back_to_the_model(call: ToolCall, error: str) -> None:
    async with setting() as s:
        llm = FakeLlm([[call], ["Sorry."]])
        assert await spoken(s.generate(llm)) == "Sorry."
        assert llm.asked[1][-1].content.startswith(error)


async def test_no_more_than_so_many_rounds() -> None:
    async with setting() as s:
        s.house.go.set()
        llm = FakeLlm([[door(str(n))] for n in range(ROUNDS)] + [["Enough.", door("last")]])
        assert await spoken(s.generate(llm)) == "Enough."
        assert len(s.house.opened) == ROUNDS
        assert [bool(offered) for offered in llm.offered] == [True] * ROUNDS + [False]
        assert isinstance(s.events[-1], WarningEvent)
        assert s.events[-1].code == "llm.call_ignored"


async def test_costs_and_notices_are_reported() -> None:
    async with setting() as s:
        s.house.go.set()
        notice = Notice("llm.fallback", "the second model answers")
        llm = FakeLlm([[notice, door(), Usage(10, 2)], ["Yes.", Usage(20, 3, 8)]])
        generation = s.generate(llm)
        assert await spoken(generation) == "Yes."
        assert s.events[0] == WarningEvent("llm", "llm.fallback", "the second model answers")
        costs = [event for event in s.events if isinstance(event, ModelUsage)]
        assert costs == [ModelUsage(1, 10, 2, 0), ModelUsage(1, 20, 3, 8)]


async def test_a_notice_that_nothing_is_amiss_is_no_warning() -> None:
    async with setting() as s:
        found = Notice("llm.found", "Ollama answers with good", "info")
        assert await spoken(s.generate(FakeLlm([[found, "Yes."]]))) == "Yes."
        assert s.events[0] == NoticeEvent("llm", "llm.found", "Ollama answers with good")


@pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})]
)
@pytest.mark.parametrize(("takes", "signs"), [(0.9, 0), (5.0, 1)])
async def test_a_sign_when_tools_take_long(takes: float, signs: int) -> None:
    async with setting() as s:

        async def slow() -> None:
            """Takes its time."""
            await anyio.sleep(takes)

        s.toolbox.add(function_tool(slow))
        began = anyio.current_time()
        llm = FakeLlm([[ToolCall("1", "slow", ""), ToolCall("2", "slow", "")], ["Done."]])
        assert await spoken(s.generate(llm)) == "Done."
        assert [when - began for when in s.waited] == [pytest.approx(PATIENCE)] * signs
        # The second call was the first one's, and shared it.
        assert sum(isinstance(event, ToolCalled) for event in s.events) == 1


@pytest.mark.parametrize(("words", "silent"), [("", True), ("It is noon.", False)])
async def test_a_tool_may_have_the_last_word(words: str, silent: bool) -> None:
    async with setting() as s:

        async def speak() -> Say:
            """Speaks for itself."""
            return Say(words)

        s.toolbox.add(function_tool(speak))
        llm = FakeLlm([[ToolCall("1", "speak", "")]])
        generation = s.generate(llm)
        assert await spoken(generation) == words
        assert generation.silent is silent
        assert len(llm.asked) == 1
        assert len(generation.messages) == 2


async def test_an_error_of_the_model_after_a_tool_keeps_what_was_done() -> None:
    async with setting() as s:
        s.house.go.set()
        generation = s.generate(FakeLlm([[door()], [LanguageModelError("gone")]]))
        with pytest.raises(LanguageModelError):
            await spoken(generation)
        assert [message.role for message in generation.messages] == ["assistant", "tool"]


async def test_warming_up() -> None:
    class Cold(FakeLlm):
        """Notes what it is warmed up with."""

        warm: tuple[object, ...] = ()

        async def warm_up(
            self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
        ) -> None:
            self.warm = (*messages, *tools)
            if not tools:
                raise LanguageModelError("there is nobody")

    async with setting() as s:
        cold = Cold([])
        await warm_up(cold, ASKED[:1], s.toolbox.specs, s.events.append)
        assert cold.warm == (ASKED[0], *s.toolbox.specs)
        assert s.events == []
        await warm_up(cold, ASKED[:1], (), s.events.append)
        assert s.events == [WarningEvent("llm", "llm.warm_up", "there is nobody")]
        await warm_up(FakeLlm([]), ASKED[:1], (), s.events.append)  # always warm
