"""What a tool is: a specification for the model, and something to run."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.errors import ParleyError
from agent.tools import read_out
from llm_adapters import ToolSpec


class ToolError(ParleyError):
    """A tool cannot be made or reached, or was called wrongly; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Say:
    """A result to be spoken as it is, without asking the model again; empty for silence.

    What is not `interruptible` is heard out: a confirmation, say, that something has been done.
    """

    text: str
    interruptible: bool = True
    result: str = ""
    """What the model is told of it; empty for the text."""


Action = Callable[[], Awaitable[object]]
"""A call with its arguments, ready to run once. May raise anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """`bind` checks the arguments of a call and raises ToolError for wrong ones."""

    spec: ToolSpec
    bind: Callable[[Mapping[str, Any]], Action]
    timeout: float = 30.0
    """Seconds after which a call is given up."""
    limit: int = 8000
    """Characters of a result that the model is shown."""
    confirm: bool | str = False
    """Whether the user is asked first, or the question."""

    def question(self, arguments: Mapping[str, Any], language: str | None = None) -> str:
        """What the user is asked before the tool runs with `arguments`, in a language."""
        return read_out.question(self.confirm, self.spec.name, arguments, language)
