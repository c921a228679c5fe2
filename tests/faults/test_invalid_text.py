"""Text from outside is made valid where it enters: half an emoji ends and poisons nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from agent.cli.main import main
from agent.config.load import Config
from agent.conversation.history import History
from agent.conversation.kept import read
from agent.conversation.reported import reported
from agent.engines import GuardedLanguageModel, GuardedTextToSpeech
from agent.events import Event
from agent.guards.text import ValidText, valid, valid_json
from agent.tools import Say
from agent.tools.toolbox import Toolbox
from llm_adapters import Message, Notice, ReplyItem, TextDelta, ToolCall
from stt import Transcript, Word
from tests.agent.conversation.simulated import converse
from tests.agent.fakes import FakeLlm, FakeStt, FakeTts, Scripted
from tests.faults.engines import FaultyLlm, FaultyStt, hanging
from tts import SpokenWord

pytestmark = pytest.mark.anyio

HALF, OTHER = "\ud83d", "\ude00"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("as it is 😀", "as it is 😀"),
        (f"{HALF}{OTHER}", "😀"),
        (f"{HALF} lone", "\ufffd lone"),
        (f"lone {OTHER}", "lone \ufffd"),
        (f"{HALF}{HALF}{OTHER}", "\ufffd😀"),
        (f"{OTHER}{HALF}", "\ufffd\ufffd"),
        ("caf\udce9.txt", "caf\ufffd.txt"),
        ("N\0UL", "NUL"),
        ("", ""),
    ],
)
def test_valid(text: str, right: str) -> None:
    assert valid(text) == right
    assert valid_json({text: [text, 1]}) == {valid_json(text): [valid_json(text), 1]}


anything = st.text(st.characters(codec=None, exclude_categories=()))  # halves too


@given(st.lists(anything))
def test_a_stream_is_as_valid_as_its_whole(fragments: list[str]) -> None:
    """However it is cut; and what comes out can always be encoded."""
    stream = ValidText()
    pieces = [stream.feed(fragment) for fragment in fragments] + [stream.finish()]
    for piece in pieces:
        piece.encode()
    assert "".join(pieces) == valid("".join(fragments))


class Reply(FaultyLlm):
    """Gives these items first, and "again." later."""

    def __init__(self, *items: ReplyItem) -> None:
        super().__init__("", hanging)
        self.items = items

    async def reply(self, messages: Any, _: Any = ()) -> Any:
        self.asked = tuple(messages)
        items, self.items = self.items, ()
        for item in items or (TextDelta("again."),):
            yield item


def told_of(talk: Any) -> str:
    """All of the log; encoding fails where anything in it is not text."""
    log = json.dumps(talk.events, ensure_ascii=False, default=str)
    log.encode()
    return log


async def test_a_model() -> None:
    llm = Reply(TextDelta(f"Smile {HALF}"), TextDelta(f"{OTHER} and {HALF}"), TextDelta("half."))
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (4, False), (0.5, True), (3, False)]),
        stt=FakeStt(["hello", "again"]),
        llm=llm,
        config={"turn": {"speculate": "off"}},
    )
    assert talk.of("assistant.done")[0]["text"] == "Smile 😀 and \ufffdhalf."
    told_of(talk)
    for message in llm.asked:
        message.content.encode()


async def test_a_models_calls_and_notices() -> None:
    model = GuardedLanguageModel(
        Reply(ToolCall(f"{HALF}1", f"na{HALF}me", f'"{HALF}"'), Notice("llm.x", f"{HALF}"))
    )
    assert [item async for item in model.reply(())] == [
        ToolCall("\ufffd1", "na\ufffdme", '"\ufffd"'),
        Notice("llm.x", "\ufffd"),
    ]


async def test_an_engines_own_words() -> None:
    """A server's error may hold anything."""

    async def fault() -> None:
        raise RuntimeError(f"the server says {HALF}")

    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (3, False)]),
        stt=FaultyStt("finish", fault),
        llm=FakeLlm([]),
    )
    assert talk.of("error")[0]["message"] == "RuntimeError: the server says \ufffd"


async def test_a_recogniser() -> None:
    class Stt(FaultyStt):
        async def finish(self) -> Transcript:
            return Transcript(f"hello {HALF} there", (Word(f"hello{HALF}", 0.0, 0.4),))

    llm = Reply()
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (4, False), (0.5, True), (4, False)]),
        stt=Stt("", hanging),
        llm=llm,
    )
    assert {e["text"] for e in talk.of("turn.committed")} == {"hello \ufffd there"}
    told_of(talk)
    for message in llm.asked:
        message.content.encode()


async def test_the_words_of_a_voice() -> None:
    async with GuardedTextToSpeech(FakeTts()).open() as utterance:
        await utterance.feed(f"ha{HALF}lf")
        await utterance.finish()
        words = [word async for speech in utterance for word in speech.words]
    assert words == [SpokenWord("ha\ufffdlf", 0)]


def halves(where: str = "") -> list[str]:
    """List the files."""
    return [where, "caf\udce9.txt"]


def half_said() -> Say:
    """Say it."""
    return Say(f"half {HALF}")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # it runs in a thread
async def test_a_tool() -> None:
    """Its result, and JSON that escapes half an emoji in its arguments."""
    seen: list[Event] = []
    settings = Config.model_validate({"tools": [f"{__name__}:halves", f"{__name__}:half_said"]})
    async with Toolbox.open(settings.tools, None, seen.append) as toolbox:  # type: ignore[arg-type]
        run = toolbox.start(ToolCall("1", "halves", '{"where": "\\ud83d"}'), 1)
        await run.done.wait()
        assert json.loads(run.tell()) == ["\ufffd", "caf\ufffd.txt"]
        run = toolbox.start(ToolCall("2", "half_said", "{}"), 1)
        await run.done.wait()
        assert run.say == Say("half \ufffd")
    for event in seen:
        json.dumps(event.record(), ensure_ascii=False).encode()


async def test_a_timer_named_half_an_emoji() -> None:
    llm = FakeLlm([[ToolCall("1", "timer", '{"seconds": 2, "name": "\\ud83d"}')], ["Set."], ["?"]])
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (6, False)]),
        stt=FakeStt(["set a timer"]),
        llm=llm,
        config={"tools": ["timer"], "turn": {"speculate": "off"}},
    )
    assert "Your \ufffd is done." in [e["text"] for e in talk.of("assistant.done")]
    told_of(talk)


def test_a_conversation_that_was_poisoned_is_healed(tmp_path: Path) -> None:
    """Kept before: its file has half an emoji as JSON escapes it."""
    lines = [
        {"time": "2026-01-01T10:00:00+00:00", "type": "begun"},
        {"time": "2026-01-01T10:00:01+00:00", "type": "user", "text": f"hello {HALF}"},
        {"time": "2026-01-01T10:00:02+00:00", "type": "tool", "name": "t", "arguments": HALF},
    ]
    (tmp_path / "old.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    messages = read(tmp_path, "old").messages
    assert messages[0] == Message("user", "hello \ufffd")
    assert [call.arguments for message in messages for call in message.calls] == ["\ufffd"]


def test_an_earlier_conversation_from_a_program() -> None:
    history = History("")
    history.recall([Message("user", f"hello {HALF}")])
    assert history.messages == (Message("user", "hello \ufffd"),)


async def test_a_file_name_in_the_configuration() -> None:
    """The file is opened by its name; the log tells it as text."""
    config = Config.model_validate({"microphone": {"device": "caf\udce9.wav"}, "echo": "off"})
    assert config.microphone.device == "caf\udce9.wav"
    seen: list[Event] = []
    async with reported(seen.append, config):
        pass
    assert seen[0].record()["config"]["microphone"]["device"] == "caf\ufffd.wav"


def test_the_command_line(tmp_path: Path) -> None:
    """An argument that is not UTF-8 is spoken all the same."""
    output = tmp_path / "said.wav"
    assert main(["say", "caf\udce9 is \ud83d good", "-o", str(output)]) == 0
    assert output.stat().st_size > 1000
