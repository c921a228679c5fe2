"""Parley's judgement of a turn's end for LiveKit's agents, where another service recognises."""

from typing import Any

from agent.turns.completeness import judge


class ParleyTurnDetector:
    """Turn detector that reads how finished the user's words are, in a millisecond, unasked."""

    model = "words"
    provider = "parley"

    def __init__(self, *, language: str | None = None) -> None:
        """`language`: a code such as en; else the words tell English."""
        self._language = language

    async def unlikely_threshold(self, _language: str | None) -> float | None:
        """Say below which certainty the turn is likely to go on."""
        return 0.5

    async def supports_language(self, _language: str | None) -> bool:
        """Say yes: words of a language without rules are undecided."""
        return True

    async def predict_end_of_turn(self, chat_ctx: Any, *, timeout: float | None = None) -> float:  # noqa: ARG002
        """Return how finished the user's last words read, from 0 to 1."""
        said = [m.text_content for m in chat_ctx.messages() if m.role == "user"]
        return judge(said[-1] or "" if said else "", language=self._language).certainty
