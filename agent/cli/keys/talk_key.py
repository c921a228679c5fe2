"""The key for push to talk: held, or tapped to begin and tapped to end."""

from collections.abc import Callable

from anyio.abc import TaskGroup

from agent.cli.keys.decoder import Key
from agent.conversation.timer import Timer
from agent.steering.steering import Steering

TAP = 0.3
"""Seconds: who holds the key for less has tapped it, and their turn lasts until they tap again."""

REPEAT = 0.12
"""Seconds between what a terminal sends for a key that is held, at most; people tap slower."""

LET_GO = 0.2
"""Seconds without another repetition after which it is let go."""


class TalkKey:
    """A talk key presses and releases the steering's.

    Where a terminal does not tell when it is let go, it repeats a key that is held: the first time
    after a while, as if it were tapped again, and then so fast that nobody taps it.
    """

    def __init__(self, steering: Steering, tasks: TaskGroup, clock: Callable[[], float]) -> None:
        """`clock` gives seconds."""
        self._steering = steering
        self._tasks = tasks
        self._clock = clock
        self._timer = Timer()
        self._pressed = -TAP
        self._began = False  # the turn began with this press

    def __call__(self, key: Key, *, tells_release: bool) -> None:
        """Take an event of the key's."""
        now = self._clock()
        if not tells_release:
            self._sent(now)
        elif key.event == "press":
            self._began = not self._steering.talking
            self._pressed = now
            self._steering.talk()
        elif key.event == "release" and self._began and now - self._pressed >= TAP:
            self._steering.release()

    def _sent(self, now: float) -> None:
        repeats = now - self._pressed < REPEAT
        self._pressed = now
        if repeats:
            self._steering.press()
            self._timer.set(self._tasks, LET_GO, self._steering.release)
        else:
            self._steering.talk()
