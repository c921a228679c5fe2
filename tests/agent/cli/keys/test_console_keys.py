"""Keys of Windows' console, from records as it documents them; the console itself is a fake."""

import ctypes
import io
from collections.abc import Sequence
from contextlib import aclosing
from queue import Queue

import anyio
import pytest
from rich.console import Console as Terminal

from agent.cli.keys import handling
from agent.cli.keys.console_keys import ConsoleDecoder, ConsoleReader, Record
from agent.cli.keys.decoder import Key
from agent.cli.keys.windows_console import InputRecord, records
from agent.cli.view import LiveView
from agent.events import nobody
from tests.agent.steering.conversations import an_agent, steered

pytestmark = pytest.mark.anyio

SHIFT, LEFT_CTRL, RIGHT_ALT, NUM_LOCK = 0x10, 0x8, 0x1, 0x20


def tap(code: int, char: str = "", state: int = 0) -> list[Record]:
    return [Record(True, code, char, state), Record(False, code, char, state)]


@pytest.mark.parametrize(
    ("record", "key"),
    [
        (Record(True, 0x4D, "m"), Key("m", "m")),
        (Record(True, 0x56, "V", SHIFT | NUM_LOCK), Key("V", "V")),
        (Record(True, 0xBE, "."), Key(".", ".")),
        (Record(True, 0x20, " "), Key("space", " ")),
        (Record(True, 0x0D, "\r"), Key("enter")),
        (Record(True, 0x08, "\b"), Key("backspace")),
        (Record(True, 0x08, "\x7f", LEFT_CTRL), Key("backspace", ctrl=True)),
        (Record(True, 0x25), Key("left")),
        (Record(True, 0x57, "\x17", LEFT_CTRL), Key("w", ctrl=True)),
        (Record(True, 0x51, "@", LEFT_CTRL | RIGHT_ALT), Key("@", "@")),
        (Record(True, 0xDE, "ä"), Key("ä", "ä")),
        (Record(True, 0x10, "", SHIFT), None),  # Shift alone
        (Record(True, 0x70), None),  # F1
    ],
)
def test_a_key(record: Record, key: Key | None) -> None:
    assert ConsoleDecoder().feed([record]) == ([] if key is None else [key])


def test_a_key_that_is_held_repeats_and_is_let_go() -> None:
    decoder = ConsoleDecoder()
    down, up = tap(0x20, " ")
    events = [key.event for each in (down, down, down, up, down) for key in decoder.feed([each])]
    assert events == ["press", "repeat", "repeat", "release", "press"]
    assert decoder.feed([Record(False, 0x41, "a")]) == []  # pressed before we listened


def test_a_character_beyond_16_bits_comes_in_two() -> None:
    decoder = ConsoleDecoder()
    assert decoder.feed([Record(True, 0, "\ud83d")]) == []
    assert decoder.feed([Record(True, 0, "\ude42")]) == [Key("🙂", "🙂")]


def test_what_is_pasted_is_no_command() -> None:
    pasted = [record for char in "mute me\rq" for record in tap(0, "" if char == "\r" else char)]
    pasted[14:16] = tap(0x0D, "\r")
    first, *others = ConsoleDecoder().feed(pasted)
    assert first == Key("paste", "mute me\nq")
    assert {key.event for key in others} <= {"release"}


def test_records_are_laid_out_as_documented() -> None:
    assert ctypes.sizeof(InputRecord) == 20
    events = (InputRecord * 3)()
    raw = bytearray(60)
    raw[0:2] = (0x0010).to_bytes(2, "little")  # FOCUS_EVENT
    for start, down in ((20, 1), (40, 0)):
        raw[start : start + 2] = (1).to_bytes(2, "little")
        fields = ((4, 4, down), (8, 2, 1), (10, 2, 0x4D), (12, 2, 0x32), (14, 2, ord("m")))
        for offset, size, value in (*fields, (16, 4, NUM_LOCK)):
            at = start + offset
            raw[at : at + size] = value.to_bytes(size, "little")
    ctypes.memmove(events, bytes(raw), 60)
    assert records(list(events)) == [
        Record(True, 0x4D, "m", NUM_LOCK),
        Record(False, 0x4D, "m", NUM_LOCK),
    ]


class FakeConsole:
    """A console into which a test types."""

    def __init__(self) -> None:
        self._input: Queue[Sequence[Record] | None] = Queue()
        self.stopped = False

    def type(self, *some: Record) -> None:
        self._input.put(some)

    def read(self) -> Sequence[Record]:
        if (some := self._input.get()) is None:
            if not self.stopped:
                raise OSError("the console is gone")
            return []
        return some

    def stop(self) -> None:
        self.stopped = True
        self._input.put(None)


async def test_keys_come_through_a_thread_that_ends_with_the_block() -> None:
    console = FakeConsole()
    with anyio.fail_after(10), ConsoleReader.of(console) as reader:
        async with aclosing(reader.keys()) as keys:
            console.type(*tap(0x4D, "m"))
            assert [await anext(keys), await anext(keys)] == [
                Key("m", "m"),
                Key("m", event="release"),
            ]
            console.type(Record(True, 0x51, "q"))
            assert await anext(keys) == Key("q", "q")
    assert console.stopped


async def test_keys_of_a_console_steer_a_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    console, left = FakeConsole(), anyio.Event()
    monkeypatch.setattr(handling, "windows_console", lambda: console)
    view = LiveView("Parley", Terminal(file=io.StringIO(), width=80))
    async with (
        steered(an_agent(microphone={"device": "a microphone"})) as steering,
        anyio.create_task_group() as tasks,
        handling.handled(view, steering, tasks, left.set, nobody),
    ):
        console.type(*tap(0x4D, "m"), *tap(0x56, "v"), *tap(0x51, "q"))
        await left.wait()
        assert (steering.muted, steering.volume) == (True, 90)
        assert "quit" in view.hands(80)[-1].plain
        tasks.cancel_scope.cancel()


async def test_a_console_that_goes_away_ends_the_reading() -> None:
    console = FakeConsole()
    with ConsoleReader.of(console):
        console._input.put(None)
