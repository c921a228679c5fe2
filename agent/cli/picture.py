"""The picture at the bottom of a terminal, drawn again when it has changed."""

from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

RATE = 12.0
"""How often a second it is looked whether it has."""


class Picture(Live):
    """A picture of rows; what is printed meanwhile scrolls up above it.

    One that stays as it is costs nothing to draw, and fills no terminal that takes nothing.
    """

    def __init__(self, rows: Callable[[], list[Text]], console: Console) -> None:
        """`rows` gives what is in it now."""
        self._rows = rows
        self._drawn = ""
        super().__init__(
            get_renderable=lambda: Group(*rows()),
            console=console,
            refresh_per_second=RATE,
            transient=True,
        )

    def refresh(self) -> None:
        """Draw it, if it is not as it was."""
        rows = [f"{self.console.size}", *(row.markup for row in self._rows())]
        if (picture := "\n".join(rows)) != self._drawn:
            self._drawn = picture
            super().refresh()
