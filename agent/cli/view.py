"""The view of a conversation: live in a terminal, plain lines elsewhere."""

from contextlib import ExitStack
from typing import Self

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agent.cli.console import SafeConsole, shown
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
        self._live = Live(
            get_renderable=self._render, console=console, refresh_per_second=12, transient=True
        )
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

    def _render(self) -> Group:
        meters = Table.grid(padding=(0, 1))
        for who, level in self._levels.items():
            meters.add_row(Text(who, style="bold"), _meter(level))
        rows: list[Text | Table] = [_status_line(self.status), meters]
        if self._partial:
            rows.append(Text(f"you … {self._partial}", style="dim"))
        if self._reply:
            rows.append(Text(f"{self._name} … {self._reply}", style="dim"))
        return Group(*rows)

    def __enter__(self) -> Self:
        self._stack.enter_context(self._live)
        self._stack.enter_context(guarded())  # what rich shows above the picture, too
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def open_view(name: str, console: Console | None = None) -> PlainView:
    """The view for this terminal; the agent is called `name` in it."""
    console, name = console or SafeConsole(), presentable(name)
    return LiveView(name, console) if console.is_terminal else PlainView(name, console)


def _status_line(status: Status) -> Text:
    """Who speaks; while they pause, how finished it sounds and what is prepared."""
    line = Text(f"● {status.words}", style="bold green")
    if status.certainty is not None:
        line.append("  finished? ", style="dim").append_text(_meter(status.certainty, 10))
        line.append(f" {status.certainty:.2f}", style="dim")
    if status.preparing:
        line.append("  preparing a reply", style="cyan")
    if status.wasted:
        line.append(f"  {status.wasted} prepared in vain", style="dim")
    return line


def line_of(event: Event, name: str) -> Text | None:
    """What stays in the scroll-back of an event."""
    line: Text | None = None
    match event:
        case TurnCommitted(text=text):
            line = Text.assemble(("you: ", "bold"), text)
        case AssistantDone(text=text):
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


def _meter(level: float, width: int = 30) -> Text:
    filled = round(level * width)
    return Text.assemble(("▮" * filled, "green"), ("▯" * (width - filled), "dim"))
