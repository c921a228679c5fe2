"""The console that draws on the terminal: rich's, with nothing on it that is not presentable."""

import sys
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, TypeVar

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from agent.cli.output import warn
from agent.cli.streams import presentable, underneath
from agent.events import Event


class SafeConsole(Console):
    """Console whose styles and moves reach the terminal, and of any text what is presentable.

    When it cannot be written to, as on a full disk, that is said once and what it tells is lost.
    """

    def __init__(self, *, stderr: bool = False, wrap: bool = True) -> None:
        """`wrap`: break long lines, which else can be copied as they are."""
        super().__init__(
            file=underneath(sys.stderr if stderr else sys.stdout),
            highlight=False,
            markup=False,
            soft_wrap=not wrap,
        )
        self._broken = False

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render it, made presentable if it is text, as all that is rendered is in the end."""
        if isinstance(renderable, Text):
            renderable = renderable.copy()
            renderable.plain = presentable(renderable.plain)
        return super().render(renderable, options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does. Raises BrokenPipeError when nobody reads it any more."""
        try:
            super().print(*objects, **options)
        except BrokenPipeError:
            raise
        except OSError as error:
            if not self._broken:
                warn(f"what happens cannot be shown here: {error.strerror or error}")
            self._broken = True


E = TypeVar("E", bound=Event)


def shown(event: E) -> E:
    """Return the event with presentable text: rich drops some characters before it renders."""
    texts = {
        field.name: presentable(value)
        for field in fields(event)
        if isinstance(value := getattr(event, field.name), str)
    }
    return replace(event, **texts)
