"""Where the time of a turn goes, from the user's last voiced sample to the agent's first."""

import math
from itertools import pairwise
from typing import Literal

import anyio

from agent.events import TurnLatency

Moment = Literal[
    "speech_stopped", "endpoint", "transcript", "first_token", "first_audio", "first_sample"
]
_ORDER: tuple[Moment, ...] = (
    "speech_stopped",
    "endpoint",
    "transcript",
    "first_token",
    "first_audio",
    "first_sample",
)
_PARTS = ("endpoint_ms", "stt_ms", "llm_ttft_ms", "tts_ttfa_ms", "playback_ms")


class Stopwatch:
    """A stopwatch keeps the moments of one turn, each marked once (`anyio.current_time()`)."""

    def __init__(self) -> None:
        self._moments: dict[Moment, float] = {}

    def mark(self, moment: Moment, time: float | None = None) -> None:
        """Mark that `moment` was at `time` (now, when None); the first mark stands."""
        if moment not in self._moments:
            self._moments[moment] = anyio.current_time() if time is None else time

    def adopt(self, other: "Stopwatch") -> None:
        """Take over the moments that `other` knows and this one does not."""
        self._moments = other._moments | self._moments

    def latency(self, turn: int) -> TurnLatency:
        """Return the times between neighbouring moments; without one of them a part is left out.

        What was done ahead of time, while the turn's end was awaited, took none: a part counts from
        the latest moment before it.
        """
        exposed: dict[Moment, float] = {}
        latest = -math.inf
        for moment in _ORDER:
            if moment in self._moments:
                latest = exposed[moment] = max(latest, self._moments[moment])
        parts = {
            part: _between(exposed, first, second)
            for part, (first, second) in zip(_PARTS, pairwise(_ORDER), strict=True)
        }
        total = _between(exposed, "speech_stopped", "first_sample")
        return TurnLatency(turn, **parts, total_ms=total)


def _between(moments: dict[Moment, float], first: Moment, second: Moment) -> float | None:
    if first not in moments or second not in moments:
        return None
    return round((moments[second] - moments[first]) * 1000, 1)
