"""The steering of a live conversation: what keys and `parley ctl` do to it, and nobody else."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import anyio
from anyio.abc import TaskGroup

from agent.conversation.conversation import Conversation
from agent.errors import ParleyError
from agent.events import nobody
from agent.steering.status import Status

RELEASE = 0.15
"""Seconds for which the user is still heard when they let go of the key: people let go early, and
what they say is a little later in the program than it was at the microphone."""

STEP = 10
"""Percentage points by which the volume is turned up or down."""


@dataclass(frozen=True, slots=True)
class State:
    """How a conversation stands, for people and programs."""

    name: str
    """What `parley ctl --to` calls it."""
    pid: int
    agent: str
    state: str
    """Who does what, such as `listening`, `you speak` or `Parley speaks`."""
    muted: bool
    talking: bool
    """Whether the user holds the turn: push to talk."""
    volume: int
    """Percent."""
    turns: int
    """Of the user's, so far."""
    since: str
    """The local time at which it began, ISO 8601."""
    keeps: str | None
    """The folder or file in which words are kept, if they are."""
    records: str | None
    """The folder in which sound is recorded, if it is."""

    def data(self) -> dict[str, Any]:
        """It as JSON takes it."""
        return asdict(self)

    def __str__(self) -> str:
        sound = "muted" if self.muted else "microphone on"
        marks = [f"records into {self.records}"] if self.records else []
        marks += [f"keeps {self.keeps}"] if self.keeps else []
        turns = f"{self.turns} turn{'' if self.turns == 1 else 's'}"
        parts = (self.state, sound, f"volume {self.volume} %", turns, *marks)
        return f"{self.name} (process {self.pid}): {', '.join(parts)}"


class Steering:
    """A steering is the one hand on a conversation; every method may be called at any time.

    What awaits returns when it is done, and may be cancelled: what was asked for is not said then.
    """

    def __init__(
        self,
        conversation: Conversation,
        status: Status,
        tasks: TaskGroup,
        *,
        name: str,
        keeps: str | None = None,
        records: str | None = None,
        reload: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        """`status` follows the conversation's events; `tasks` lasts as long as it does.

        `reload` reads the configuration again and tells in a line what came of it.
        """
        self.conversation = conversation
        self.name = name
        self.reload_hook = reload
        self._status = status
        self._tasks = tasks
        self._keeps = keeps
        self._records = records
        self._since = datetime.now().astimezone().isoformat(timespec="seconds")
        self._talking = False
        self._muted_after = False  # whether it was muted when the user began to hold the turn
        self._releasing: anyio.CancelScope | None = None
        if conversation.config.turn.mode == "push_to_talk":
            conversation.mute()

    @property
    def muted(self) -> bool:
        """Whether nothing of the user is heard."""
        return self.conversation.muted

    @property
    def talking(self) -> bool:
        """Whether the user holds the turn."""
        return self._talking

    @property
    def volume(self) -> int:
        """Of everything that is played, in percent; what it is set to is brought into range."""
        return round(self.conversation.controls.volume * 100)

    @volume.setter
    def volume(self, percent: int) -> None:
        self.conversation.controls.volume = min(100, max(0, percent)) / 100

    @property
    def state(self) -> State:
        """How the conversation stands now."""
        return State(
            name=self.name,
            pid=os.getpid(),
            agent=self.conversation.config.agent.name,
            state=self._status.words,
            muted=self.muted,
            talking=self._talking,
            volume=self.volume,
            turns=self._status.turns,
            since=self._since,
            keeps=self._keeps,
            records=self._records,
        )

    def mute(self) -> None:
        """Hear nothing from now on; of a turn that the user holds, nothing is kept."""
        if self._talking:
            self._go_on()
            self._talking = False
            self.conversation.clear_turn()
        self.conversation.mute()

    def unmute(self) -> None:
        """Hear the microphone again."""
        self._muted_after = False
        self.conversation.unmute()

    def toggle(self) -> None:
        """Mute, or unmute who is muted."""
        if self.muted:
            self.unmute()
        else:
            self.mute()

    def press(self) -> None:
        """Begin the user's turn, muted or not, until `release`; the agent is silent."""
        self._go_on()
        if not self._talking:
            self._talking, self._muted_after = True, self.muted
            self.conversation.open_turn()
            self.conversation.unmute()

    def release(self) -> None:
        """End the turn that the user holds, and have it answered."""
        if self._talking and self._releasing is None:
            self._releasing = anyio.CancelScope()
            self._tasks.start_soon(self._release, self._releasing)

    def talk(self) -> None:
        """Press, or release what was pressed: for keys that cannot be held."""
        if self._talking and self._releasing is None:
            self.release()
        else:
            self.press()

    def stop(self) -> None:
        """Silence the agent: no more of any reply."""
        self.conversation.interrupt()

    async def say(self, text: str) -> str:
        """Have the agent say `text` at the next pause; returns the words that were heard of it."""
        return await self.conversation.say(text)

    async def ask(self, text: str) -> str:
        """Have `text` answered as if the user had said it; returns what was heard."""
        return await self.conversation.ask(text)

    async def say_again(self) -> str:
        """Have the agent say what it said last; returns the words heard. Raises ParleyError."""
        if not (last := self.conversation.controls.repeat()):
            raise ParleyError("nothing has been said yet")
        return await self.say(last)

    async def reload(self) -> str:
        """Read the configuration again; returns a line about it. Raises ParleyError."""
        if self.reload_hook is None:
            raise ParleyError("this conversation has no configuration file to read again")
        return await self.reload_hook()

    def begin(
        self, action: Callable[[], Awaitable[Any]], failed: Callable[[str], object] = nobody
    ) -> None:
        """Do what awaits in the background, as long as the conversation lasts.

        `failed` is told why it cannot be done.
        """

        async def run() -> None:
            try:
                await action()
            except ParleyError as error:
                failed(str(error))

        self._tasks.start_soon(run)

    async def _release(self, scope: anyio.CancelScope) -> None:
        with scope:
            await anyio.sleep(RELEASE)
            self.conversation.commit_turn()
            if self._muted_after:
                self.conversation.mute()
            self._talking, self._releasing = False, None

    def _go_on(self) -> None:
        """The user has not let go after all."""
        if self._releasing is not None:
            self._releasing.cancel()
            self._releasing = None
