"""When an agent with a wake word listens, and when it sleeps again. Pure, a part of the policy.

Woken, it sounds a tone if the user waits for one; who says all in one breath is not disturbed. It
sleeps when there has been no turn for `wake.timeout`, and when it is sent to sleep.
"""

from collections.abc import Callable

from agent.config.wake import WakeSettings
from agent.conversation.commands import Command, Sleep, Tone
from agent.conversation.events import TimerName
from agent.conversation.running_timers import RunningTimers
from agent.conversation.states import plain

TONE = 0.3
"""Seconds after the wake word in which who speaks on has begun to."""


class Waking:
    """Waking knows whether the agent is asleep, and what is due when it is not."""

    def __init__(self, settings: WakeSettings, do: Callable[[Command], None]) -> None:
        """`do` is given the commands. Without wake words it never sleeps."""
        self.asleep = settings.enabled
        """Whether nothing of the user's is heard."""
        self._settings = settings
        self._do = do
        self._timers = RunningTimers(do)

    def wake(self) -> str:
        """The wake word was heard; returns what is said then, if anything."""
        self.asleep = False
        if self._settings.sound and not self._settings.greeting:
            self._timers.set("tone", TONE)
        return self._settings.greeting

    def rest(self) -> None:
        """Watch the time: nobody speaks from now on."""
        if self._settings.enabled and not self.asleep and "sleep" not in self._timers:
            self._timers.set("sleep", self._settings.timeout)

    def busy(self) -> None:
        """Somebody speaks, or is about to."""
        self._timers.stop("sleep")
        self._timers.stop("tone")

    def rang(self, timer: TimerName) -> None:
        """The time is over."""
        if self._timers.rang(timer):
            if timer == "tone":
                self._do(Tone())
            else:
                self._sleep(f"{self._settings.timeout:g} s without a turn")

    def dismissed(self, text: str) -> bool:
        """Whether all that the user said sends it to sleep; then it does."""
        if not self._settings.enabled or self.asleep:
            return False
        said = plain(text)
        if said not in map(plain, self._settings.dismissals):
            return False
        self.busy()
        self._sleep(f"'{text}'")
        return True

    def _sleep(self, why: str) -> None:
        self.asleep = True
        self._do(Sleep(why))
