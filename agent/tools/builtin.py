"""The tools that come with Parley: time, timer, and the controls of the conversation."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Protocol
from zoneinfo import ZoneInfo

import anyio
from anyio.abc import TaskGroup
from pydantic import Field

from agent.languages import phrase
from agent.tools.tool import Say, ToolError


class Controls(Protocol):
    """What the tools can do to the conversation."""

    volume: float
    """Of the agent's voice, from 0 to 1; may be set."""

    def stop(self) -> None:
        """Say nothing more until the user speaks again."""

    def repeat(self) -> str:
        """What the agent said last; empty if nothing yet."""


Percent = Annotated[int, Field(ge=0, le=100)]
LONGEST_TIMER = 24 * 3600.0
MOST_TIMERS = 100
"""Running at a time."""


class Builtins:
    """One conversation's built-in tools; each public method is one."""

    def __init__(
        self,
        tasks: TaskGroup,
        announce: Callable[[str], None],
        controls: Controls,
        language: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Timers run in `tasks` and end with `announce`, which waits for a pause and speaks.

        `language` gives the code of the user's, None where it is not known.
        """
        self._language = language
        self._tasks = tasks
        self._announce = announce
        self._controls = controls
        self._timers: dict[str, anyio.CancelScope] = {}

    async def time(self, zone: str = "") -> str:
        """The current date and time.

        Args:
            zone: An IANA time zone such as Europe/Berlin; leave it out for here.
        """
        try:
            now = datetime.now(ZoneInfo(zone)) if zone else datetime.now().astimezone()
        except (KeyError, ValueError, OSError):  # as zoneinfo says that there is none such
            raise ToolError(f"there is no time zone {zone!r}") from None
        return f"{now:%A, %d %B %Y, %H:%M} {zone or now.tzname()}"

    async def timer(
        self,
        seconds: Annotated[float, Field(ge=0, le=LONGEST_TIMER)],
        name: str = "",
        announcement: str = "",
    ) -> str:
        """Set a timer, or cancel one.

        Args:
            seconds: How long, in seconds; 0 cancels the timer of this name.
            name: What the timer is for, such as "tea"; a new one replaces one of the same name.
            announcement: The sentence to say aloud when it ends, in the user's language.
        """
        running = self._timers.pop(name, None)
        if running is not None:
            running.cancel()
        if not seconds:
            return "cancelled" if running else self._no_such_timer(name)
        if len(self._timers) >= MOST_TIMERS:
            raise ToolError(f"{MOST_TIMERS} timers are running: cancel one of them first")
        scope = self._timers[name] = anyio.CancelScope()
        due = anyio.current_time() + seconds
        words = announcement or self._done(name)
        self._tasks.start_soon(self._wait, scope, due, name, words)
        return f"set: in {seconds:g} seconds the user will be told: {words}"

    async def stop(self) -> Say:
        """Be silent now, when the user wants no answer and no more words."""
        self._controls.stop()
        return Say("")

    async def repeat(self) -> Say | str:
        """Say again, word for word, what you said last."""
        last = self._controls.repeat()
        return Say(last) if last else "nothing has been said yet"

    async def volume(self, percent: Percent | None = None, change: int = 0) -> str:
        """Set how loud you speak, or make it louder or softer.

        Args:
            percent: The new volume, 0 to 100; leave it out to change the present one.
            change: Percentage points to add to the present volume, negative for softer.
        """
        base = round(self._controls.volume * 100) if percent is None else percent
        level = min(100, max(0, base + change))
        self._controls.volume = level / 100
        return f"the volume is {level} percent"

    async def _wait(self, scope: anyio.CancelScope, due: float, name: str, words: str) -> None:
        with scope:
            await anyio.sleep_until(due)
            del self._timers[name]
            self._announce(words)

    def _done(self, name: str) -> str:
        if name:
            done = phrase("timer_named", self._language(), "Your {name} is done.")
            return done.replace("{name}", name)
        return phrase("timer", self._language(), "Your timer is done.")

    def _no_such_timer(self, name: str) -> str:
        names = ", ".join(other or "one without a name" for other in self._timers)
        return f"there is no timer {name!r}; running: {names or 'none'}"


NAMES = ("time", "timer", "stop", "repeat", "volume")
"""The built-in tools as the configuration names them."""
