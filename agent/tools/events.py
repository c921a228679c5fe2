"""What is reported of tools."""

from dataclasses import dataclass
from typing import ClassVar

from agent.events import Event


@dataclass(frozen=True, slots=True)
class ToolCalled(Event):
    """A tool has begun to run; `arguments` is JSON as the model gave it."""

    type: ClassVar[str] = "tool.called"
    turn: int
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolReturned(Event):
    """A call has ended after `ms` milliseconds; `result` is what the model is told of it.

    Not `ok`: it failed, took too long, or was wrong; the model is told that too.
    """

    type: ClassVar[str] = "tool.returned"
    turn: int
    name: str
    arguments: str
    result: str
    ms: float
    ok: bool = True
