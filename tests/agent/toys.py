"""Tools to play with."""

import anyio

from agent.tools import Say

looked_up: list[str] = []


async def slow_lookup(what: str) -> str:
    """How the weather is somewhere.

    Args:
        what: A city.
    """
    looked_up.append(what)
    await anyio.sleep(2)
    return f"sunny in {what}"


async def book() -> Say:
    """Book it."""
    return Say("It has been booked and paid with your usual card.", interruptible=False)
