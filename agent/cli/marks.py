"""The marks of the live view: who speaks, how loud, what is heard and what is kept."""

from collections.abc import Mapping

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from agent.steering.status import Status
from agent.steering.steering import State


def status_line(status: Status) -> Text:
    """Who speaks; while they pause, how finished it sounds and what is prepared."""
    line = Text(f"● {status.words}", style="bold green")
    if status.certainty is not None:
        line.append("  finished? ", style="dim").append_text(meter(status.certainty, 10))
        line.append(f" {status.certainty:.2f}", style="dim")
    if status.preparing:
        line.append("  preparing a reply", style="cyan")
    if status.wasted:
        line.append(f"  {status.wasted} prepared in vain", style="dim")
    return line


def meters(levels: Mapping[str, float], state: State | None) -> list[Text]:
    """How loud each is, the user first; what is heard of them, and the agent's volume."""
    marks = [Text(), Text()]
    if state is not None:
        marks = [microphone(state), Text(f"volume {state.volume} %")]
    width = max(map(cell_len, levels))
    return [
        Text.assemble((set_cell_size(who, width), "bold"), " ", meter(level), " ", mark)
        for (who, level), mark in zip(levels.items(), marks, strict=True)
    ]


def microphone(state: State) -> Text:
    """What is heard of the user."""
    if state.talking:
        return Text(" your turn ", style="bold black on green")
    if state.muted:
        return Text(" muted ", style="bold white on red")
    return Text("microphone on", style="green")


def what_is_kept(state: State) -> Text:
    """The sign that sound is recorded, or words are kept."""
    line = Text(no_wrap=True, overflow="ellipsis")
    if state.records:
        line.append(" ● REC ", style="bold white on red").append(f" {state.records}")
    if state.keeps:
        line.append("  " if line else "").append("✎ keeps", style="bold yellow")
        line.append(f" {state.keeps}")
    return line


def meter(level: float, width: int = 30) -> Text:
    filled = round(level * width)
    return Text.assemble(("▮" * filled, "green"), ("▯" * (width - filled), "dim"))
