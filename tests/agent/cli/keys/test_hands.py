"""What keys do, and what is shown of them, on a virtual clock."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from rich.cells import cell_len
from trio.testing import MockClock

from agent.cli.keys.decoder import Key
from agent.cli.keys.hands import Hands
from agent.cli.keys.line_editor import LineEditor
from agent.steering.steering import Steering
from tests.agent.steering.conversations import LOUD, STORY, an_agent, steered

pytestmark = pytest.mark.anyio

LEGACY_HELD = [0.5, *[0.033] * 20]
"""Seconds before each repetition of a key that is held, in a terminal that tells no release."""


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class Keyboard:
    """Keys as they are pressed."""

    def __init__(self, hands: Hands, steering: Steering) -> None:
        self.hands = hands
        self.steering = steering
        self.left = 0

    def press(self, *names: str) -> None:
        for name in names:
            text = " " if name == "space" else name if len(name) == 1 else ""
            self.hands(Key(name, text), tells_release=False)

    def event(self, kind: Any) -> None:
        self.hands(Key("space", " ", kind), tells_release=True)

    @property
    def shown(self) -> str:
        return "\n".join(row.plain for row in self.hands.rows(80))


@asynccontextmanager
async def keyboard(*replies: Any, words: Any = (), **config: Any) -> AsyncGenerator[Keyboard]:
    async with (
        steered(an_agent(list(replies), list(words), **config), LOUD) as steering,
        anyio.create_task_group() as tasks,
    ):
        left: list[int] = []
        hands = Hands(steering, tasks, clock=anyio.current_time, leave=lambda: left.append(1))
        board = Keyboard(hands, steering)
        yield board
        board.left = len(left)
        tasks.cancel_scope.cancel()


async def test_single_keys() -> None:
    async with keyboard(STORY) as board:
        board.press("m")
        assert board.steering.muted
        board.press("m", "v", "v", "V")
        assert (board.steering.muted, board.steering.volume) == (False, 90)
        board.press("?")
        assert "mute: nothing of you is heard or kept" in board.shown
        board.press("?")
        assert board.shown.startswith("space talk · m mute · . stop · t type")
        board.press("r")
        await anyio.sleep(0.1)
        assert board.shown.startswith("nothing has been said yet\n")
        board.press("q")
    assert board.left == 1


async def test_stop_and_again() -> None:
    async with keyboard(STORY, turn={"mode": "push_to_talk"}) as board:
        board.press("t", *"hi", "enter")
        await anyio.sleep(1.1)
        board.press(".")
        await anyio.sleep(0.1)
        said = board.steering.conversation.history.messages[-1].content
        assert said == "word0 word1 word2 word3 word4"
        board.press("r")
        await anyio.sleep(3)
        assert board.steering.conversation.history.messages[-1].content == said


async def test_a_message_is_typed_and_sent() -> None:
    async with keyboard(["Noon."], turn={"mode": "push_to_talk"}) as board:
        board.press("t", *"what tim", "m", "backspace", *"e")
        assert board.shown == "› what time \nEnter sends, Esc leaves it"
        board.press("escape")
        assert board.shown.startswith("space talk")
        board.press("t", "enter")
        await anyio.sleep(2)
        told = [(m.role, m.content) for m in board.steering.conversation.history.messages[1:]]
        assert told == [("user", "what time"), ("assistant", "Noon.")]
        board.press("t", "enter", "t")
        assert board.shown.startswith("›  \n")


async def test_what_is_pasted_is_no_command() -> None:
    async with keyboard() as board:
        board.hands(Key("paste", "quit\nm\x1b[0m"), tells_release=False)
        assert board.shown.startswith("› quit m[0m \n")
    assert board.left == 0


@pytest.mark.parametrize("tells_release", [True, False])
async def test_space_is_held(tells_release: bool) -> None:
    async with keyboard(["Yes."], words=["hello"], turn={"mode": "push_to_talk"}) as board:
        if tells_release:
            board.event("press")
            for _ in range(10):
                await anyio.sleep(0.1)
                board.event("repeat")
            assert board.steering.talking
            board.event("release")
        else:
            board.press("space")
            for seconds in LEGACY_HELD:
                await anyio.sleep(seconds)
                board.press("space")
            assert board.steering.talking
        await anyio.sleep(0.4)
        assert not board.steering.talking
        assert board.steering.muted
        await anyio.sleep(2)
        assert board.steering.state.turns == 1


@pytest.mark.parametrize("tells_release", [True, False])
async def test_space_is_tapped(tells_release: bool) -> None:
    async def tap(board: Keyboard) -> None:
        if not tells_release:
            board.press("space")
            return
        board.event("press")
        await anyio.sleep(0.1)
        board.event("release")

    async with keyboard(["Yes."], words=["hello"], turn={"mode": "push_to_talk"}) as board:
        await tap(board)
        await anyio.sleep(3)
        assert board.steering.talking
        await tap(board)
        await anyio.sleep(0.3)
        assert not board.steering.talking
        await anyio.sleep(2)
        assert board.steering.state.turns == 1


def typed(*names: str, text: str = "one two three") -> LineEditor:
    editor = LineEditor(text)
    for name in names:
        control = name.startswith("^")
        editor(Key(name.lstrip("^"), "" if control or len(name) > 1 else name, ctrl=control))
    return editor


@pytest.mark.parametrize(
    ("names", "text", "cursor"),
    [
        (["!"], "one two three!", 14),
        (["left", "!"], "one two thre!e", 13),
        (["home", "delete"], "ne two three", 0),
        (["^a", "^k"], "", 0),
        (["^w", "^w"], "one ", 4),
        (["^u"], "", 0),
        (["home", "backspace", "left"], "one two three", 0),
        (["end", "right", "delete"], "one two three", 13),
        (["f5", "^x"], "one two three", 13),
    ],
)
def test_line_editing(names: list[str], text: str, cursor: int) -> None:
    editor = typed(*names)
    assert (editor.text, editor.cursor) == (text, cursor)


async def test_a_long_message_is_seen_where_the_cursor_is() -> None:
    async with keyboard() as board:
        board.press("t")
        board.hands(Key("paste", "漢字 " * 60 + "end"), tells_release=False)
        line = board.hands.rows(40)[0]
        assert line.plain.endswith("end ")
        assert cell_len(line.plain) <= 40
        board.press("home")
        line = board.hands.rows(40)[0]
        assert line.plain.startswith("› 漢字")
        assert cell_len(line.plain) <= 40
