"""Tools in whole conversations, on a virtual clock: timers, confirmation, controls, fallbacks."""

from typing import Any

import pytest
from trio.testing import MockClock

from agent.engines.fallback.llm import LanguageModelFallback
from llm_adapters import LanguageModelError, ToolCall
from tests.agent import toys
from tests.agent.conversation.simulated import Conversation, converse
from tests.agent.fakes import FakeLlm, FakeStt, Scripted

pytestmark = pytest.mark.anyio

TURN = [(0.5, False), (1.0, True), (4.0, False)]
"""The user speaks for a second and listens for four."""


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def said(talk: Conversation) -> list[str]:
    """What the agent was heard saying, reply by reply."""
    return [event["text"] for event in talk.of("assistant.done")]


async def test_a_timer_speaks_up_later() -> None:
    timer = ToolCall("1", "timer", '{"seconds": 10, "announcement": "Your tea is ready."}')
    talk = await converse(
        Scripted([*TURN, (15, False)]),
        stt=FakeStt(["set a timer for ten seconds"]),
        llm=FakeLlm([[timer], ["Ten ", "seconds ", "it ", "is."]]),
        config={"tools": ["timer"]},
    )
    assert said(talk) == ["Ten seconds it is.", "Your tea is ready."]
    waited = talk.time("assistant.speech_started", 1) - talk.time("tool.called")
    assert waited == pytest.approx(10, abs=0.2)
    assert talk.history()[-1] == ("assistant", "Your tea is ready.", False)


async def test_a_timer_waits_for_a_pause() -> None:
    timer = ToolCall("1", "timer", '{"seconds": 5, "announcement": "Tea!"}')
    talk = await converse(
        Scripted([*TURN, (6, True), (6, False)]),
        stt=FakeStt(["set a timer for five seconds", "now let me tell you a long story"]),
        llm=FakeLlm([[timer], ["Done."], ["How ", "nice ", "it ", "was."]]),
        config={"tools": ["timer"]},
    )
    assert said(talk) == ["Done.", "How nice it was.", "Tea!"]


@pytest.mark.parametrize(
    ("answer", "ran", "told"),
    [
        ("yes please", ["rome"], "not run then: the user was asked '{}', and said yes"),
        ("no", [], "not run: the user was asked '{}' and did not say yes"),
    ],
)
async def test_a_tool_that_needs_a_yes(answer: str, ran: list[str], told: str) -> None:
    toys.looked_up.clear()
    call = ToolCall("1", "slow_lookup", '{"what": "rome"}')
    tool = {"function": "tests.agent.toys:slow_lookup", "confirm": "Shall I look up {what}?"}
    llm = FakeLlm([[call], ["All ", "right."]])
    talk = await converse(
        Scripted([*TURN, *TURN, (3, False)]),
        stt=FakeStt(["how is it in rome", answer]),
        llm=llm,
        config={"tools": [tool]},
    )
    assert said(talk) == ["Shall I look up rome?", "All right."]
    assert toys.looked_up == ran
    results = [text for role, text, _ in talk.history() if role == "tool"]
    asked = told.format("Shall I look up rome?")
    assert results == [asked, *(f"sunny in {city}" for city in ran)]


@pytest.mark.parametrize(("words", "after"), [(0, 1.0), (2, 1.0), (7, 1.5)])
async def test_a_sign_while_a_tool_takes_long(words: int, after: float) -> None:
    """At once, or when the words that the model said before it have been heard."""
    call = ToolCall("1", "slow_lookup", '{"what": "rome"}')
    talk = await converse(
        Scripted([*TURN, (3, False)]),
        stt=FakeStt(["how is it in rome"]),
        llm=FakeLlm([["well "] * words + [call], ["Sunny."]]),
        config={"tools": ["tests.agent.toys:slow_lookup"]},
    )
    (sign,) = (t for t, event in talk.events if event.get("what") == "filler")
    assert sign - talk.time("tool.called") == pytest.approx(after, abs=0.05)
    assert 0 < talk.level(sign, sign + 0.2) < 0.2  # softer than the words
    assert said(talk) == ["well " * words + "Sunny."]


async def test_no_sign_if_none_is_wanted() -> None:
    call = ToolCall("1", "slow_lookup", '{"what": "rome"}')
    talk = await converse(
        Scripted([*TURN, (3, False)]),
        stt=FakeStt(["how is it in rome"]),
        llm=FakeLlm([[call], ["Sunny."]]),
        config={"tools": ["tests.agent.toys:slow_lookup"], "thinking": {"after": None}},
    )
    assert "filler" not in talk.decisions()


async def test_silence_is_an_answer() -> None:
    talk = await converse(
        Scripted([*TURN]),
        stt=FakeStt(["that is enough thank you"]),
        llm=FakeLlm([[ToolCall("1", "stop", "")]]),
        config={"tools": ["stop"]},
    )
    assert not talk.of("error")
    assert not any(pcm.any() for _, pcm in talk.sound)


async def test_saying_it_again_and_louder() -> None:
    louder = ToolCall("2", "volume", '{"percent": 50}')
    talk = await converse(
        Scripted([*TURN, *TURN, *TURN]),
        stt=FakeStt(["what time is it", "say that again please", "speak up a bit please"]),
        llm=FakeLlm([["It ", "is ", "noon."], [ToolCall("1", "repeat", "")], [louder], ["Done."]]),
        config={"tools": ["repeat", "volume"]},
    )
    assert said(talk) == ["It is noon.", "It is noon.", "Done."]
    first, second, third = (talk.time("assistant.speech_started", n) for n in range(3))
    before = talk.level(second, second + 0.3)
    assert talk.level(first, first + 0.3) == pytest.approx(before)
    assert talk.level(third, third + 0.3) < before


async def test_another_model_steps_in() -> None:
    down = FakeLlm([[LanguageModelError("down is down")]])
    llm = LanguageModelFallback([("one", down), ("two", FakeLlm([["Hello."], ["Yes."]]))])
    talk = await converse(
        Scripted([*TURN, *TURN]),
        stt=FakeStt(["is anybody there", "are you sure of that"]),
        llm=llm,
    )
    assert said(talk) == ["Hello.", "Yes."]
    (warning,) = talk.of("warning")
    assert warning["code"] == "llm.fallback"
    assert warning["message"] == "one fails (down is down): two answers"
    assert len(down.asked) == 1


class TestWhenToolsRun:
    """`tests.agent.toys:slow_lookup` takes two seconds and keeps a list of its calls."""

    CONFIG: dict[str, Any] = {"tools": ["tests.agent.toys:slow_lookup"]}  # noqa: RUF012
    CALL = ToolCall("1", "slow_lookup", '{"what": "rome"}')

    @pytest.fixture(autouse=True)
    def fresh(self) -> None:
        toys.looked_up.clear()

    async def test_what_one_says_may_be_meant_to_be_heard_out(self) -> None:
        talk = await converse(
            Scripted([(0.5, False), (0.5, True), (1.2, False), (0.8, True), (6, False)]),
            stt=FakeStt(["please book it now", "no wait please"]),
            llm=FakeLlm([[ToolCall("1", "book", "{}")], ["Too ", "late."]]),
            config={"tools": ["tests.agent.toys:book"]},
        )
        assert "assistant.interrupted" not in talk.types()
        assert [m[:2] for m in talk.history()][-3:] == [
            ("assistant", "It has been booked and paid with your usual card."),
            ("user", "no wait please"),
            ("assistant", "Too late."),
        ]

    async def test_none_runs_before_the_turn_is_committed(self) -> None:
        talk = await converse(
            Scripted([(1, False), (1, True), (0.6, False), (1, True), (8, False)]),
            stt=FakeStt([["i would like to go to", "i would like to go to rome"]]),
            llm=FakeLlm([[self.CALL], [self.CALL], ["Sunny ", "there."]]),
            config=self.CONFIG,
        )
        assert toys.looked_up == ["rome"]
        (called,) = (t for t, e in talk.events if e["type"] == "tool.called")
        assert called >= talk.time("turn.committed")
        assert [m[:2] for m in talk.history()] == [
            ("user", "i would like to go to rome"),
            ("assistant", ""),
            ("tool", "sunny in rome"),
            ("assistant", "Sunny there."),
        ]

    async def test_one_that_runs_when_the_user_interrupts_finishes_and_is_not_run_again(
        self,
    ) -> None:
        llm = FakeLlm([["One ", "moment. ", self.CALL], ["Sunny."], ["As ", "I ", "said."]])
        talk = await converse(
            Scripted([(0.5, False), (1, True), (1, False), (1, True), (9, False)]),
            stt=FakeStt(["how is it in rome", "please hurry up now"]),
            llm=llm,
            config=self.CONFIG,
        )
        assert toys.looked_up == ["rome"]
        assert len(talk.of("tool.returned")) == 1
        assert talk.time("tool.returned") > talk.time("assistant.interrupted")
        assert ("tool", "sunny in rome", False) in talk.history()
