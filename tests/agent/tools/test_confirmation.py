"""Asking before a tool runs: the question, what is a yes, and what becomes of the call."""

import anyio
import pytest

from agent.conversation.floor import Floor
from agent.conversation.generation import Generation
from agent.tools import Toolbox, ToolCalled
from agent.tools.answer import Answer, understand
from agent.tools.confirmation import Confirmation, Question
from agent.tools.function import function_tool
from agent.tools.read_out import question as read_out
from llm_adapters import Message, ReplyItem, ToolCall
from tests.agent.fakes import FakeLlm
from tests.agent.tools.muted import Muted

pytestmark = pytest.mark.anyio

CALL = ToolCall("7", "unlock", '{"door": "front"}')
TEXT = "Shall I unlock the front door?"


@pytest.mark.parametrize(
    "answer",
    [
        *("Yes.", "yeah, sure", "Okay, go ahead!", "Yes, unlock the front door.", "do it"),
        *("Yes, I'm sure.", "That's right.", "Sounds good!", "you may", "uh-huh", "by all means"),
        *("yes please do that now", "Of course you can.", "okay thank you very much"),
        *("Ja, bitte.", "Na klar.", "Auf jeden Fall!", "Oui, d'accord.", "Bien sûr", "Sí, claro."),
        *("Sì, va bene.", "Sim, por favor.", "Tak, proszę.", "Да, конечно.", "好的。", "네."),
        "はい、お願いします。",
    ],
)
def test_a_yes(answer: str) -> None:
    assert understand(answer, TEXT) is Answer.YES


@pytest.mark.parametrize(
    "answer",
    [
        *("No.", "", "yes but not the front door", "do not do it", "what time is it"),
        *("the front door", "I don't", "oh no", "nein danke", "yes, but later", "uh", "thank you"),
        *("I'm okay, thank you", "that's alright thanks", "I am fine thank you", "i'm good thanks"),
        *("why", "well", "please wait", "if you want", "はい、でも後で"),
    ],
)
def test_no_yes(answer: str) -> None:
    assert understand(answer, TEXT) is not Answer.YES


@pytest.mark.parametrize(
    ("answer", "yes"), [("the right one", False), ("yes the right one", True), ("right", True)]
)
def test_a_word_of_the_question_is_no_yes(answer: str, yes: bool) -> None:
    text = "Shall I close the left one or the right one?"
    assert (understand(answer, text) is Answer.YES) is yes


def test_a_no_in_the_question_is_no_yes() -> None:
    text = "Shall I not send it?"
    assert understand("do not send it", text) is Answer.NO


def question(lock: "Lock | None" = None) -> Question:
    tool = function_tool((lock or Lock()).unlock, confirm=True)
    action = tool.bind({"door": "front"})
    return Question(CALL, tool, action, ("unlock", CALL.arguments), TEXT, lambda _: None)


def test_a_question_has_to_be_heard() -> None:
    confirmation = Confirmation()
    assert confirmation.answer(2, "yes") is None  # to nothing
    for turn, whole, over, now, answer in (
        (2, True, False, 5.0, Answer.YES),
        (3, False, False, 5.0, Answer.UNSURE),
        (4, True, True, 5.0, Answer.UNSURE),  # begun before its end
        (5, True, False, 500.0, Answer.UNSURE),
    ):
        confirmation.said(question(), whole=whole, now=0)
        confirmation.begins(turn, over=over, now=now)
        given = confirmation.answer(turn, "yes")
        assert given is not None
        assert given[1] is answer
        confirmation.committed(turn, "yes")
        assert confirmation.answer(turn, "whatever") == given  # it stands
        assert confirmation.answer(turn + 1, "yes") is None  # and is gone


def test_something_said_in_between() -> None:
    confirmation = Confirmation()
    confirmation.said(question(), whole=True, now=0)
    confirmation.said(None, whole=True, now=1)
    confirmation.begins(2, over=False, now=2)
    assert confirmation.answer(2, "yes") == (confirmation._open, Answer.UNSURE)


class Lock:
    """A tool with consequences."""

    def __init__(self) -> None:
        self.unlocked: list[str] = []

    async def unlock(self, door: str) -> str:
        """Unlock a door."""
        self.unlocked.append(door)
        return f"the {door} door is unlocked"


async def converse(
    answer: str, replies: list[list[str | ReplyItem | Exception]], *, confirm: bool | str = True
) -> tuple[list[str], Lock, FakeLlm, Generation]:
    """What is said in two turns: the request and the user's answer to the question."""
    lock = Lock()
    llm = FakeLlm(replies)
    messages = [Message("user", "open the door")]
    said: list[str] = []
    async with Toolbox.open([], Muted(), lambda _: None) as toolbox:
        toolbox.add(function_tool(lock.unlock, confirm=confirm))
        for turn in (1, 2):
            floor = Floor()
            floor.take()
            toolbox.confirmation.begins(turn, over=False, now=turn)
            toolbox.confirmation.committed(turn, messages[-1].content)
            thinking = Generation(
                llm, messages, toolbox, turn=turn, report=lambda _: None, floor=floor
            )
            text = "".join([delta.text async for delta in thinking.text()])
            assert turn == 2 or not lock.unlocked
            said.append(text)
            toolbox.confirmation.said(thinking.question, whole=True, now=turn)
            messages += [*thinking.messages, Message("assistant", text), Message("user", answer)]
    return said, lock, llm, thinking


async def test_the_tool_runs_after_a_yes() -> None:
    said, lock, llm, second = await converse("Yes, please.", [["Well.", CALL], ["It is open."]])
    assert said == ["Well. Shall I really do this: unlock, door front?", "It is open."]
    assert lock.unlocked == ["front"]
    assert len(llm.asked) == 2  # neither to ask nor to understand the yes
    call, result = second.messages
    assert call.calls == (ToolCall("7-confirmed", "unlock", CALL.arguments),)
    assert result == Message("tool", "the front door is unlocked", call_id="7-confirmed")
    assert llm.asked[1][-2:] == second.messages


async def test_anything_else_is_for_the_model() -> None:
    said, lock, llm, second = await converse("No, the back door.", [[CALL], ["All right."]])
    assert said[1] == "All right."
    assert lock.unlocked == []
    assert second.messages == ()
    asked_about = llm.asked[1][2]
    assert asked_about.content.startswith("not run yet: the user has been asked 'Shall I really")


async def test_a_question_in_ones_own_words() -> None:
    said, _, _, _ = await converse("no", [[CALL], ["Fine."]], confirm="Open the {door} door now?")
    assert said[0] == "Open the front door now?"


async def test_one_question_at_a_time() -> None:
    other = ToolCall("8", "unlock", '{"door": "back"}')
    said, lock, llm, _ = await converse("yes", [[CALL, other], ["Done."]])
    assert said[0].count("?") == 1
    assert lock.unlocked == ["front"]
    results = [message.content for message in llm.asked[1] if message.role == "tool"]
    assert results[1] == "not run: first the user has to answer about the other call"


async def test_wrong_arguments_are_not_asked_about() -> None:
    said, lock, _, _ = await converse("yes", [[ToolCall("7", "unlock", "{}")], ["Which?"], ["?"]])
    assert said[0] == "Which?"
    assert lock.unlocked == []


async def test_no_yes_before_the_turn_is_the_users_last_word() -> None:
    lock = Lock()
    events: list[object] = []
    async with Toolbox.open([], Muted(), events.append) as toolbox:
        toolbox.add(function_tool(lock.unlock, confirm=True))
        toolbox.confirmation.said(question(lock), whole=True, now=0)
        toolbox.confirmation.begins(2, over=False, now=1)
        thinking = Generation(
            FakeLlm([["It is open."]]),
            [Message("assistant", TEXT), Message("user", "yes")],
            toolbox,
            turn=2,
            report=events.append,
            floor=Floor(),
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anext, thinking.text())
            await anyio.wait_all_tasks_blocked()
            assert lock.unlocked == []
            assert toolbox.confirmation.answer(2, "yes") is not None
            tasks.cancel_scope.cancel()
        assert thinking.messages == ()
    assert not any(isinstance(event, ToolCalled) for event in events)


@pytest.mark.parametrize(
    ("said", "heard", "answer"),
    [
        ("Ja, bitte.", "de", Answer.YES),
        ("Ja, bitte.", "en", Answer.UNSURE),
        ("No.", "de", Answer.NO),
        ("Sí, claro.", "es", Answer.YES),
        ("No, gracias.", "es", Answer.NO),
        ("जी हाँ।", "hi", Answer.YES),
        ("नहीं, रहने दो।", "hi", Answer.NO),
        ("शायद", "hi", Answer.UNSURE),
        ("हाँ लेकिन बाद में", "hi", Answer.OTHER),
    ],
)
def test_a_yes_is_one_in_the_language_that_was_heard(said: str, heard: str, answer: Answer) -> None:
    assert understand(said, TEXT, None, heard) is answer


def test_a_call_is_read_out_in_the_language_of_the_user() -> None:
    spoken = read_out(True, "send_mail", {"to": "a/b", "copies": [], "now": True}, "de")
    assert (
        spoken == "Soll ich das wirklich tun: send mail, to a Schrägstrich b, copies keine, now ja?"
    )
    assert read_out(True, "send", {}, "ru") == "Shall I really do this: send?"
    assert read_out(True, "send", {}, "es") == "¿De verdad hago esto: send?"
