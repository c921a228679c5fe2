"""The view of a conversation: live in a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

import numpy as np
from rich.console import Console
from rich.text import Text

from agent.cli.console import SafeConsole, shown
from agent.cli.marks import meters, status_line, what_is_kept
from agent.cli.picture import Picture
from agent.cli.streams import guarded, presentable
from agent.conversation.handoff import AgentHandoff
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    AssistantText,
    Audio,
    ErrorEvent,
    Event,
    NoticeEvent,
    TurnCommitted,
    TurnLatency,
    UserBackchannel,
    UserTranscript,
    WakeAsleep,
    WakeHeard,
    WarningEvent,
)
from agent.steering.status import Status
from agent.steering.steering import Steering

_PARTS = (
    ("endpoint_ms", "endpoint", "blue"),
    ("stt_ms", "stt", "cyan"),
    ("llm_ttft_ms", "llm", "magenta"),
    ("tts_ttfa_ms", "tts", "yellow"),
    ("playback_ms", "playback", "green"),
)
_FLOOR_DB = -60.0


class PlainView:
    """One line per thing said, for pipes and logs.

    Told of every event and every block of sound; a context manager around the session.
    """

    def __init__(self, name: str, console: Console) -> None:
        self.status = Status(name)
        """How the conversation stands."""
        self._console = console
        self._name = name

    def __call__(self, event: Event) -> None:
        """Print the event, if it is one for people."""
        event = shown(event)
        self.status(event)
        if isinstance(event, AgentHandoff):
            self._name = event.name
        if (line := line_of(event, self._name)) is not None:
            self._console.print(line, soft_wrap=True)

    def user(self, block: Audio) -> None:
        """Levels are not shown."""

    def agent(self, block: Audio) -> None:
        """Levels are not shown."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class LiveView(PlainView):
    """What was said scrolls by; below it, who speaks, how loud, and what is being said."""

    def __init__(self, name: str, console: Console) -> None:
        super().__init__(name, console)
        self._partial = ""
        self._reply = ""
        self._levels = {"you": 0.0, name: 0.0}
        self.steering: Steering | None = None
        """What steers the conversation: how it stands is shown."""
        self.hands: Callable[[int], list[Text]] = lambda _width: []
        """Gives the lines below all others, of at most so many cells."""
        self._picture: Picture | None = None
        self._stack = ExitStack()

    def __call__(self, event: Event) -> None:
        """Take the event into the picture; what is final scrolls up out of it."""
        event = shown(event)
        match event:
            case UserTranscript(text=text, final=final):
                self._partial = "" if final else text
            case TurnCommitted() | AssistantDone() | AssistantInterrupted():
                self._reply = ""
            case AssistantText(delta=delta):
                self._reply += delta
        super().__call__(event)

    def user(self, block: Audio) -> None:
        """A block from the microphone, for its meter."""
        self._levels["you"] = _level(block)

    def agent(self, block: Audio) -> None:
        """A block from the speaker, for its meter."""
        self._levels = {"you": self._levels["you"], self._name: _level(block)}

    def _rows(self) -> list[Text]:
        state = None if self.steering is None else self.steering.state
        rows = [status_line(self.status)]
        if state is not None and (kept := what_is_kept(state)):
            rows.append(kept)
        rows += meters(self._levels, state)
        if self._partial:
            rows.append(Text(f"you … {self._partial}", style="dim"))
        if self._reply:
            rows.append(Text(f"{self._name} … {self._reply}", style="dim"))
        return rows + self.hands(self._console.width)

    def refresh(self) -> None:
        """Draw it now: somebody has pressed a key."""
        if self._picture is not None:
            self._picture.refresh()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Take the picture away for the length of a block."""
        self._stack.close()
        try:
            yield
        finally:
            self.__enter__()

    def __enter__(self) -> Self:
        # A new one each time: it moves the cursor up to where it last drew.
        self._picture = self._stack.enter_context(Picture(self._rows, self._console))
        self._stack.enter_context(guarded())  # what rich shows above the picture, too
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def open_view(name: str, console: Console | None = None) -> PlainView:
    """The view for this terminal; the agent is called `name` in it."""
    console, name = console or SafeConsole(), presentable(name)
    return LiveView(name, console) if console.is_terminal else PlainView(name, console)


def line_of(event: Event, name: str) -> Text | None:
    """What stays in the scroll-back of an event."""
    line: Text | None = None
    match event:
        case TurnCommitted(text=text):
            line = Text.assemble(("you: ", "bold"), text)
        case AssistantDone(text=text) if text:
            line = Text.assemble((f"{name}: ", "bold green"), text)
        case AssistantInterrupted(heard=heard):
            line = Text.assemble((f"{name}: ", "bold green"), heard, (" — (interrupted)", "dim"))
        case AssistantResumed():
            line = Text(f"{name} goes on", style="dim")
        case UserBackchannel(text=text):
            line = Text.assemble(("you: ", "bold"), text, (" (in passing)", "dim"))
        case TurnLatency():
            line = waterfall(event)
        case WakeHeard(word=word):
            line = Text(f"{name} wakes: '{word}'", style="dim")
        case WakeAsleep(why=why):
            line = Text(f"{name} sleeps: {why}", style="dim")
        case NoticeEvent(message=message):
            line = Text(message, style="dim")
        case WarningEvent(message=message):
            line = Text(f"warning: {message}", style="yellow")
        case ErrorEvent(stage=stage, message=message):
            line = Text(f"error: {stage}: {message}", style="red")
    return line


def waterfall(latency: TurnLatency, width: int = 40) -> Text:
    """The parts of a turn's latency as one line: a bar to scale, then the numbers."""
    parts = [
        (name, value, style)
        for field, name, style in _PARTS
        if (value := getattr(latency, field)) is not None
    ]
    total = max(sum(value for _, value, _ in parts), 1.0)
    line = Text("latency ", style="dim")
    for _, value, style in parts:
        line.append("█" * round(value / total * width), style=style)
    for name, value, style in parts:
        line.append(f" {name} {value:.0f}", style=style)
    if latency.total_ms is not None:
        line.append(f" = {latency.total_ms:.0f} ms", style="bold")
    return line


def _level(block: Audio) -> float:
    """Loudness between 0 (-60 dBFS or less) and 1 (full scale)."""
    power = float(np.mean(np.square(block.pcm))) if len(block.pcm) else 0.0
    decibels = 10 * np.log10(max(power, 1e-12))
    return float(np.clip(1 - decibels / _FLOOR_DB, 0, 1))
