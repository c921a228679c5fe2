"""`parley talk --explain`: one line per decision of the turn-taking, and why."""

import anyio
from rich.console import Console
from rich.text import Text

from agent.cli.console import shown
from agent.events import Decision, Event

_STYLES = {
    "commit": "bold green",
    "speculate": "cyan",
    "discard": "yellow",
    "stop": "bold red",
    "hold": "red",
    "resume": "green",
}


class Explain:
    """Told of every event; writes the decisions, each with the seconds since the beginning."""

    def __init__(self, console: Console) -> None:
        """Open before the session; `console` is where the lines go."""
        self._console = console
        self._start = anyio.current_time()

    def __call__(self, event: Event) -> None:
        """Write a line, if it is a decision."""
        if isinstance(event, Decision):
            line = explained(shown(event), anyio.current_time() - self._start)
            self._console.print(line, soft_wrap=True)


def explained(decision: Decision, seconds: float) -> Text:
    """When, of which turn, what, how surely the turn seemed finished (if that was asked), why."""
    certainty = "    " if decision.certainty is None else f"{decision.certainty:.2f}"
    return Text.assemble(
        (f"{seconds:8.2f} s  turn {decision.turn:<3} ", "dim"),
        (f"{decision.what:<11} ", _STYLES.get(decision.what, "")),
        f"{certainty}  {decision.why}",
    )
