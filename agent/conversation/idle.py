"""What the agent does in a long silence: it asks, and then it sleeps."""

from collections.abc import Callable

from anyio.abc import TaskGroup

from agent.config.sections import IdleSettings
from agent.conversation.timer import Timer
from agent.events import What


class Idle:
    """Watches the silence."""

    def __init__(
        self,
        settings: IdleSettings,
        say: Callable[[str], None],
        decide: Callable[[int, What, str], None],
    ) -> None:
        """`say` speaks the prompt; `decide` is told why."""
        self._settings = settings
        self._say = say
        self._decide = decide
        self._alarm = Timer()
        self._prompted = 0
        self._asleep = False

    def begin(self, tasks: TaskGroup, turn: int) -> None:
        """Nobody speaks from now on, after turn `turn`."""
        if not self._asleep:
            self._alarm.set(tasks, self._settings.after, lambda: self._ring(turn))

    def stop(self) -> None:
        """The agent speaks."""
        self._alarm.stop()

    def wake(self, turn: int) -> None:
        """The user speaks."""
        self._alarm.stop()
        self._prompted = 0
        if self._asleep:
            self._asleep = False
            self._decide(turn, "wake", "the user speaks")

    def _ring(self, turn: int) -> None:
        if self._prompted < self._settings.prompts and self._settings.prompt:
            self._prompted += 1
            self._decide(turn, "idle", f"{self._settings.after:g} s of silence")
            self._say(self._settings.prompt)
        else:
            self._asleep = True
            self._decide(turn, "sleep", "silence again: nothing more is said until the user speaks")
