"""The tool with which the model of one agent hands the conversation over to another."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from agent.errors import did_you_mean
from agent.tools.tool import Action, Say, Tool, ToolError
from llm_adapters import ToolSpec

NAME = "handoff"

_ABOUT = (
    "Hand the conversation over to another agent, who knows all of it and goes on at once. Do so "
    "when the user asks for them, or when what the user wants is theirs. There are: {agents}."
)


def handoff_tool(agents: Mapping[str, str], go: Callable[[str], None]) -> Tool:
    """Make the tool; `agents` are those it may name, with what they are there for.

    `go` is told whom the conversation goes to.
    """
    listed = "; ".join(f"{name} ({about})" if about else name for name, about in agents.items())
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"agent": {"type": "string", "enum": [*agents]}},
        "required": ["agent"],
        "additionalProperties": False,
    }

    def bind(given: Mapping[str, Any]) -> Action:
        name = given.get("agent")
        if name not in agents:
            hint = did_you_mean(str(name), agents, f"; there are {', '.join(agents)}")
            raise ToolError(f"agent: nobody is called {str(name)[:64]!r}{hint}")
        return partial(_hand_over, str(name), go)

    return Tool(spec=ToolSpec(NAME, _ABOUT.format(agents=listed), schema), bind=bind)


async def _hand_over(name: str, go: Callable[[str], None]) -> Say:
    go(name)
    return Say("", result=f"done: from here on it is {name} who speaks")
