"""A user: somebody who speaks, hears the answer out, thinks, and now and then cuts in."""

import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from agent.load_test.hearing import Ears, HeardReply
from agent.load_test.speech import BLOCK
from agent.load_test.target import Line

PATIENCE = 15.0
"""Seconds until a turn that has no answer is given up."""
THINKS = (0.5, 2.5)
"""Seconds from the end of an answer to the next turn, from and to."""
CUTS_IN = (0.3, 0.7)
"""Seconds from the beginning of an answer to a turn that cuts in."""
BARGE_IN = 0.25
"""The share of turns that cut in."""
_UNREAD = 100
"""Replies that nobody has waited for, at most."""


@dataclass(slots=True)
class Turn:
    """A turn of a user's, and what was heard then; times in seconds on anyio's clock."""

    ended: float
    """When its last word was sent."""
    silenced: float | None = None
    """From the first word of a barge-in until the agent was silent."""
    too_late: bool = False
    """It was to be a barge-in, and the answer was over before it was noticed."""
    reply: HeardReply | None = None
    problem: str = ""
    """Why it was not answered."""

    @property
    def answered(self) -> float | None:
        """From the end of the speech to the answer's first sound."""
        return None if self.reply is None else self.reply.began - self.ended


class Microphone:
    """A microphone that is always on: a quiet room, and what its user says."""

    def __init__(self, send: Callable[[str], Awaitable[None]], room: Sequence[str]) -> None:
        self._send = send
        self._room = room
        self._left: deque[str] = deque()
        self._begins = self._ends = 0.0
        self._said = anyio.Event()
        self.late: list[float] = []
        """How late each frame was sent, in seconds: this computer's fault, or the network's."""

    async def run(self) -> None:
        """Send a frame every 20 ms, until cancelled."""
        began, number = anyio.current_time(), 0
        while True:
            number += 1
            due = began + number * BLOCK
            await anyio.sleep_until(due)
            speaks = bool(self._left)
            await self._send(
                self._left.popleft() if speaks else self._room[number % len(self._room)]
            )
            now = anyio.current_time()
            self.late.append(now - due)
            if speaks:
                self._begins = self._begins or now
                if not self._left:
                    self._ends = now
                    self._said.set()

    async def say(self, sentence: Sequence[str]) -> tuple[float, float]:
        """Say it, and return when its first and its last frame were sent."""
        self._left.extend(sentence)
        self._begins, self._said = 0.0, anyio.Event()
        await self._said.wait()
        return self._begins, self._ends


class Caller:
    """A user in a conversation of so many turns."""

    def __init__(self, seed: int, sentences: Sequence[Sequence[str]], room: Sequence[str]) -> None:
        self._chance = random.Random(seed)
        self._sentences = sentences
        self._room = room
        self.turns: list[Turn] = []
        self.late: list[float] = []
        self.errors: list[str] = []
        """What the server has said is wrong, in the conversation."""
        self.finished = False

    async def converse(self, line: Line, turns: int, done: Callable[[], object]) -> None:
        """Converse; `done` is called after each turn. Raises TargetError, in a group."""
        send, begun = anyio.create_memory_object_stream[HeardReply](_UNREAD)
        microphone = Microphone(line.send, self._room)
        self.late = microphone.late

        def heard(reply: HeardReply) -> None:
            if send.statistics().current_buffer_used < _UNREAD:
                send.send_nowait(reply)

        ears = Ears(heard)

        async def listen() -> None:
            while True:
                event = await line.receive()
                ears.take(event)
                if event.get("type") == "error":
                    self.errors.append(_message(event))

        with send, begun:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listen)
                tasks.start_soon(microphone.run)
                for _ in range(turns):
                    await self._turn(microphone, begun)
                    done()
                if self.turns and (last := self.turns[-1].reply) is not None:
                    await _hear_out(last)
                self.finished = True
                tasks.cancel_scope.cancel()

    async def _turn(
        self, microphone: Microphone, begun: MemoryObjectReceiveStream[HeardReply]
    ) -> None:
        before = self.turns[-1].reply if self.turns else None
        cuts_in = before is not None and self._chance.random() < BARGE_IN
        if before is None:
            await anyio.sleep(self._chance.uniform(*THINKS))
        elif cuts_in:
            await anyio.sleep_until(before.began + self._chance.uniform(*CUTS_IN))
        else:
            await _hear_out(before)
            await anyio.sleep(self._chance.uniform(*THINKS))
        began, ended = await microphone.say(self._chance.choice(self._sentences))
        turn = Turn(ended)
        self.turns.append(turn)
        if cuts_in and before is not None:
            turn.too_late = before.cut is None
            turn.silenced = None if before.cut is None else before.cut - began
        with anyio.move_on_after(PATIENCE):
            reply = await begun.receive()
            while reply.began < ended and not reply.problem:
                reply = await begun.receive()
            turn.reply, turn.problem = (None, reply.problem) if reply.problem else (reply, "")
            return
        turn.problem = f"no answer within {PATIENCE:g} s"


async def _hear_out(reply: HeardReply) -> None:
    with anyio.move_on_after(PATIENCE):
        await reply.over.wait()
        await anyio.sleep_until(reply.until)


def _message(event: dict[str, object]) -> str:
    error = event.get("error")
    told = error.get("message") if isinstance(error, dict) else None
    return " ".join(str(told or error).split())[:200]
