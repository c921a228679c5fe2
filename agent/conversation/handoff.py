"""A handoff: one agent of several gives the conversation to another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from agent.config.load import Config
from agent.config.tools import ToolSettings
from agent.events import Event
from agent.tools import Toolbox
from agent.tools.handoff import handoff_tool


@dataclass(frozen=True, slots=True)
class AgentHandoff(Event):
    """Another agent goes on with the conversation; `name` is how it is called in the terminal."""

    type: ClassVar[str] = "agent.handoff"
    from_agent: str
    to_agent: str
    name: str


def groups(config: Config) -> Mapping[str, Sequence[ToolSettings]]:
    """The tools of each agent of `config`; those of an only one have the name ""."""
    return {name: config.of(name).tools for name in config.agents} or {"": config.tools}


def offer_handoff(toolbox: Toolbox, config: Config, go: Callable[[str], None]) -> None:
    """Give each agent of `config` the tool by which its model hands over to those it may.

    `go` is told whom the conversation goes to. Raises ConfigError for a tool of that name.
    """
    for name, member in config.agents.items():
        others = {other: config.agents[other].description for other in member.handoff or ()}
        if others:
            toolbox.add(handoff_tool(others, go), name)
