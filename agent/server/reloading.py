"""The configuration of a server, read again: for those who come from now on."""

from agent.config.load import Config
from agent.conversation.reloading import Reloaded, changed_keys
from agent.server.server import Server, servable

AT_THE_START = ("server",)
"""Sections that a server reads when it starts."""


async def reload(server: Server, before: Config, after: Config) -> Reloaded:
    """Have whoever comes from now on talk with the agent that `after` describes.

    Conversations under way go on with the one they began with, whose engines are let go with the
    last of them; those in writing change between two questions. Raises ConfigError and the
    engines' errors; then nothing has changed.
    """
    before, after = servable(before), servable(after)
    changed = [*changed_keys(before, after)]
    waiting = tuple(key for key in changed if key.partition(".")[0] in AT_THE_START)
    applied = tuple(key for key in changed if key not in waiting)
    if applied:
        kept = {name: getattr(before, name) for name in AT_THE_START}
        await server.become(after.model_copy(update=kept))
    return Reloaded(applied, waiting, when="for those who come from now on")
