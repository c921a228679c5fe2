"""An engine's sample rate, as it says."""

from collections.abc import Callable
from numbers import Real

from agent.engines.border import Border

LOWEST, HIGHEST = 4000, 384000
"""In Hz."""


def checked_rate(border: Border, ask: Callable[[], int]) -> int:
    """Return the rate that the engine gives. Raises its protocol's error for what is none."""
    with border.failing():
        rate = ask()
        if isinstance(rate, Real) and LOWEST <= rate <= HIGHEST:
            return int(rate)
    raise border.failure(f"{border.name} says that its sample rate is {rate!r:.80}, which is none")
