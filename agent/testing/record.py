"""What comes of a case: all that happens between one turn of the scripted user's and the next."""

from dataclasses import dataclass, field

import anyio

from agent.conversation.activity import (
    Activity,
    ReplyBegan,
    ReplyOver,
    ReplyText,
    TurnDecided,
    TurnFailed,
    TurnStarted,
    TurnStopped,
)
from agent.conversation.handoff import AgentHandoff
from agent.conversation.states import plain
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    AssistantSpeechStarted,
    ErrorEvent,
    Event,
    TurnCommitted,
    TurnLatency,
)
from agent.testing.cases import Turn
from agent.tools import ToolCalled


@dataclass(slots=True)
class Step:
    """What came of one turn of the user's."""

    turn: Turn
    began: float
    understood: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    """As they were heard."""
    calls: list[ToolCalled] = field(default_factory=list)
    latency: float | None = None
    heard: str | None = None
    """Of a reply that was interrupted."""
    agent: str | None = None
    problems: list[str] = field(default_factory=list)
    """What failed by itself."""


class Record:
    """The record of a case: told of everything, it knows what belongs to which step."""

    def __init__(self, agent: str | None, *, spoken: bool) -> None:
        """`agent`: who of several begins."""
        self.steps: list[Step] = []
        self.events: list[tuple[float, Event]] = []
        self._agent = agent
        self._spoken = spoken
        self._owners: dict[int, Step] = {}  # of the user's turns
        self._turns: set[int] = set()  # open
        self._replies: set[int] = set()  # under way
        self._text = ""  # of the current reply, as far as it was heard
        self._sounding: float | None = None  # since when the current reply is
        self._news = anyio.Event()

    @property
    def step(self) -> Step:
        """The one that goes on now."""
        return self.steps[-1]

    def begin(self, turn: Turn) -> None:
        """The user's next turn begins."""
        self.steps.append(Step(turn, anyio.current_time(), agent=self._agent))

    def speaks(self) -> None:
        """The user begins to say it: now they wait for the answer."""
        self.step.began, self.step.latency = anyio.current_time(), None

    def event(self, event: Event) -> None:
        """Something has happened."""
        self.events.append((anyio.current_time(), event))
        match event:
            case TurnCommitted(turn=turn, text=text):
                self._owners[turn] = self.step
                self.step.understood.append(text)
            case AssistantSpeechStarted():
                self._sounding = anyio.current_time()
            case AssistantDone(text=text):
                self.step.replies.append(text)
            case AssistantInterrupted(turn=turn, heard=heard):
                step = self._owners.get(turn, self.step)
                step.heard = heard
                step.replies.append(heard)
            case AssistantResumed(turn=turn):
                step = self._owners.get(turn, self.step)
                step.heard = None
                step.replies.pop()
            case TurnLatency(turn=turn, total_ms=float(total)):
                self._owners.get(turn, self.step).latency = total / 1000
            case ToolCalled():
                self.step.calls.append(event)
            case AgentHandoff(to_agent=name):
                self.step.agent = self._agent = name
            case ErrorEvent(stage=stage, message=message):
                self.step.problems.append(f"{stage}: {message}")
        self._tell()

    def activity(self, item: Activity) -> None:
        """Something has happened, in more detail."""
        match item:
            case TurnStarted(turn):
                self._turns.add(turn)
            case TurnDecided(turn) | TurnFailed(turn):
                self._turns.discard(turn)
            case TurnStopped(turn, dropped=True):
                self._turns.discard(turn)
            case ReplyBegan(reply):
                self._replies.add(reply)
                self._text, self._sounding = "", None
            case ReplyText(delta=delta) if not self._spoken:
                self._text += delta
                self._sounding = self._sounding or anyio.current_time()
                if self.step.latency is None and self.step.turn.say is not None:
                    self.step.latency = anyio.current_time() - self.step.began
            case ReplyOver(reply):
                self._replies.discard(reply)
        self._tell()

    def hearing(self, words: str) -> None:
        """More of a reply has been heard."""
        self._text += f" {words}"
        self._tell()

    async def settled(self, quiet: float) -> None:
        """Wait until nobody has spoken, or is about to, for `quiet` seconds."""
        while True:
            with anyio.move_on_after(quiet) as limit:
                await self._news.wait()
            if limit.cancelled_caught and not self._turns and not self._replies:
                return
            if limit.cancelled_caught:
                await self._news.wait()

    async def reached(self, place: str | float) -> bool:
        """Wait for words of the agent's, or seconds of its answer; False if it is over before."""
        while not (self._replies and self._sounding is not None):
            if not self._turns and not self._replies and self._answered:
                return False
            await self._news.wait()
        if not isinstance(place, str):
            with anyio.move_on_at(self._sounding + place):
                while self._replies:
                    await self._news.wait()
                return False
            return True
        while f" {plain(place)} " not in f" {plain(self._text)} ":
            if not self._replies:
                return False
            await self._news.wait()
        return True

    @property
    def _answered(self) -> bool:
        return bool(self.step.replies or self.step.problems)

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()
