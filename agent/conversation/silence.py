"""What the agent does in a silence. Pure, a part of the turn policy.

When the user waits for a reply they hear a filler, before long or at once when a tool says that it
takes its time; when nobody speaks the agent asks whether somebody is there, and then it sleeps.
"""

from collections.abc import Callable

from agent.config.sections import IdleSettings, ThinkingSettings
from agent.config.wake import WakeSettings
from agent.conversation.commands import Command, Explain, Fill
from agent.conversation.events import TimerName
from agent.conversation.running_timers import RunningTimers
from agent.conversation.states import ReplyRecord, ReplyState
from agent.conversation.waking import Waking
from agent.events import Decision

AGAIN = 0.5
"""Seconds until it is seen whether the words before a tool have been spoken."""


class Silence:
    """Silence is watched by timers: until a filler is due, until nobody has spoken for long."""

    def __init__(
        self,
        idle: IdleSettings,
        waiting: ThinkingSettings,
        do: Callable[[Command], None],
        wake: WakeSettings | None = None,
    ) -> None:
        """`do` is given the commands."""
        self.asleep = False
        """Whether nothing more is said until the user speaks."""
        self.waking = Waking(wake or WakeSettings(), do)
        self._idle = idle
        self._filler_after = waiting.after
        self._do = do
        self._awaited: ReplyRecord | None = None
        self._prompted = 0  # times that the silence has been broken
        self._timers = RunningTimers(do)

    def configure(self, idle: IdleSettings, waiting: ThinkingSettings) -> None:
        """Go by other settings from now on."""
        self._idle, self._filler_after = idle, waiting.after

    def start(self) -> None:
        """Watch the time: nobody speaks from now on."""
        self.waking.rest()
        if not self.asleep and not self.waking.asleep:
            self._timers.set("idle", self._idle.after)

    def end(self) -> None:
        """Watch it no more: the agent speaks, or there is nobody to ask."""
        self.waking.busy()
        self._timers.stop("idle")

    def wake(self, turn: int) -> None:
        """Begin anew: the user speaks."""
        self.waking.busy()
        self._timers.stop("idle")
        self._prompted = 0
        if self.asleep:
            self.asleep = False
            self._do(Explain(Decision(turn, "wake", "the user speaks")))

    def expect(self, reply: ReplyRecord) -> None:
        """Note that the user waits for `reply` from now on."""
        self._awaited = reply
        self._timers.set("filler", self._filler_after)

    def expect_no_more(self, reply: ReplyRecord) -> None:
        """Note that `reply` is over."""
        if reply is self._awaited:
            self._awaited = None
            self._timers.stop("filler")
            self._timers.stop("tools")

    def tools_take_long(self, reply: ReplyRecord) -> None:
        """Let the user hear that something goes on: at once, or when the words before it end."""
        if reply is self._awaited:
            self._fill(tools=True)

    def rang(self, timer: TimerName, turn: int) -> str:
        """Return what is to be said now that the time is over, after turn `turn`: mostly ""."""
        self.waking.rang(timer)
        if not self._timers.rang(timer):
            return ""
        if timer != "idle":
            self._fill(tools=timer == "tools")
            return ""
        if self._prompted < self._idle.prompts and self._idle.prompt:
            self._prompted += 1
            why = f"{self._idle.after:g} s of silence"
            self._do(Explain(Decision(turn, "idle", why)))
            return self._idle.prompt
        self.asleep = True
        why = "silence again: nothing more is said until the user speaks"
        self._do(Explain(Decision(turn, "sleep", why)))
        return ""

    def _fill(self, *, tools: bool) -> None:
        reply = self._awaited
        if reply is None or self._filler_after is None:
            return
        if reply.state is ReplyState.PENDING or (reply.sounding and reply.progress.starved):
            self._do(Fill(reply.turn, "the user has heard nothing for a while"))
        elif reply.sounding and tools:
            self._timers.stop("filler")
            self._timers.set("tools", AGAIN)
