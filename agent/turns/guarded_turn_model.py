"""The border to a model of how finished a turn sounds."""

from contextlib import nullcontext
from functools import partial

from agent.engines.border import Border
from agent.errors import ParleyError
from agent.turns.smart_turn import Pcm, TurnModel

JUDGE = 5.0
"""Seconds that a judgement may take: by then the silence has decided."""


class GuardedTurnModel:
    """A turn model of which nothing worse can come than `ParleyError`, and not late."""

    def __init__(self, model: TurnModel) -> None:
        self._model = model
        self._border = Border(model, "turns", "the turn model", ParleyError)

    async def load(self) -> None:
        """Load the model. Raises ParleyError."""
        await self._border.load()

    async def aclose(self) -> None:
        """Free it; what fails is told."""
        await self._border.aclose()

    async def complete(self, pcm: Pcm) -> float:
        """The probability that the turn is over. Raises ParleyError."""
        async with self._border.use(nullcontext) as (_, use):
            with use.limited("did not judge a pause", JUDGE):
                certainty = float(await use.run(partial(self._model.complete, pcm)))
            if not 0 <= certainty <= 1:  # NaN neither
                raise ParleyError(f"the turn model gave {certainty}, which is no probability")
        return certainty
