"""A user on a virtual clock, with a server that is as quick as a test wants it."""

import json
from collections.abc import Sequence
from typing import Any

import anyio
import numpy as np
import pytest
from trio.testing import MockClock

from agent.load_test.caller import PATIENCE, Caller
from agent.load_test.hearing import Ears
from agent.load_test.speech import RATE, frame, room, seconds

pytestmark = pytest.mark.anyio

SECOND = "A" * (RATE * 2 * 4 // 3)
"""A second of sound."""
QUESTION = [frame(np.full(480, 0.5, np.float32)) for _ in range(50)]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def delta(reply: str, sound: str = SECOND) -> dict[str, Any]:
    return {"type": "response.output_audio.delta", "response_id": reply, "delta": sound}


def done(reply: str, status: str = "completed") -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": reply, "status": status}}


DELAY = 0.4
"""Seconds."""
STARTED = {"type": "input_audio_buffer.speech_started"}


class Server:
    """Notices speech after `notices` s; answers `DELAY` after its end, with `length` s of sound."""

    def __init__(self, *, notices: float = 0.2, length: int = 3, status: str = "completed") -> None:
        self._notices, self._length, self._status = notices, length, status
        self._send, self._events = anyio.create_memory_object_stream[dict[str, Any]](100)
        self._loud = 0
        self._count = 0
        self._quiet = 0

    async def send(self, text: str) -> None:
        loud = text in QUESTION
        self._loud = self._loud + 1 if loud else 0
        self._quiet = 0 if loud else self._quiet + 1
        if self._loud == round(self._notices / 0.02) + 1:
            self._send.send_nowait(STARTED)
            self._count += 1
        if self._count and self._quiet == round(DELAY / 0.02):
            name = f"r{self._count}"
            if self._status == "completed":
                for _ in range(self._length):
                    self._send.send_nowait(delta(name))
            self._send.send_nowait(done(name, self._status))

    async def receive(self) -> dict[str, Any]:
        return await self._events.receive()

    def close(self) -> None:
        self._send.close()
        self._events.close()


async def converse(server: Server, turns: int, seed: int = 0) -> Caller:
    caller = Caller(seed, [QUESTION], room())
    finished: list[int] = []
    try:
        await caller.converse(server, turns, lambda: finished.append(1))  # type: ignore[arg-type]
    finally:
        server.close()
    assert len(finished) == turns == len(caller.turns)
    return caller


async def test_answers_and_barge_ins_are_timed() -> None:
    caller = await converse(Server(), 40)
    assert [turn.problem for turn in caller.turns] == [""] * 40
    assert {round(turn.answered or 0, 3) for turn in caller.turns} == {DELAY}
    cuts = [turn.silenced for turn in caller.turns if turn.silenced is not None]
    assert {round(cut, 3) for cut in cuts} == {0.2}
    assert 4 <= len(cuts) <= 16
    replies = [turn.reply for turn in caller.turns if turn.reply is not None]
    assert [reply.gaps for reply in replies] == [[]] * 40
    assert sum(reply.cut is not None for reply in replies) == len(cuts)
    assert max(caller.late) < 0.001


async def test_a_barge_in_that_is_noticed_when_all_is_over_cuts_nothing() -> None:
    caller = await converse(Server(notices=0.9, length=1), 20)
    assert any(turn.too_late for turn in caller.turns)
    assert [turn.silenced for turn in caller.turns] == [None] * 20


async def test_who_is_not_heard_gives_up() -> None:
    deaf = await converse(Server(notices=9), 1)
    assert deaf.turns[0].problem == f"no answer within {PATIENCE:g} s"


async def test_a_user_waits_for_the_end_of_an_answer_and_thinks() -> None:
    caller = await converse(Server(), 40)
    for before, turn in zip(caller.turns, caller.turns[1:], strict=False):
        if turn.silenced is None:
            assert before.reply is not None
            thought = turn.ended - seconds(QUESTION) - before.reply.until
            assert 0.45 < thought < 2.55


@pytest.mark.parametrize(
    ("status", "problem"),
    [("failed", "an answer failed"), ("incomplete", "an answer had no sound")],
)
async def test_answers_that_fail(status: str, problem: str) -> None:
    caller = await converse(Server(status=status), 2)
    assert [(turn.problem, turn.answered) for turn in caller.turns] == [(problem, None)] * 2


async def heard(*events: tuple[float, dict[str, Any]]) -> Ears:
    """What is heard of events, each so many seconds after the one before."""
    ears = Ears()
    for after, event in events:
        await anyio.sleep(after)
        ears.take(event)
    return ears


async def test_a_gap_is_what_sounded_of_nothing() -> None:
    ears = await heard((0, delta("a")), (0.9, delta("a")), (1.5, delta("a")), (0.1, done("a")))
    (reply,) = ears.replies
    assert [round(gap, 3) for gap in reply.gaps] == [0.4]
    assert reply.over.is_set()


async def test_what_is_cut_has_no_gaps() -> None:
    ears = await heard((0, delta("a")), (0.5, STARTED), (3, delta("a")), (1, delta("b")))
    cut, other = ears.replies
    assert (cut.gaps, other.gaps) == ([], [])
    assert cut.cut is not None
    assert round(cut.cut - cut.began, 3) == 0.5


EVENTS: Sequence[Any] = ({}, {"type": 3}, {"type": "response.done"}, json.loads('{"type": null}'))


async def test_what_is_not_understood_changes_nothing() -> None:
    ears = await heard(*((0.0, event) for event in EVENTS))
    assert ears.replies == []
