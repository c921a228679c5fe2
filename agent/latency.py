"""Where the time of a turn goes, from the user's last voiced sample to the agent's first."""

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
    """The moments of one turn, each marked once, in `anyio.current_time()` seconds."""

    def __init__(self) -> None:
        self._moments: dict[Moment, float] = {}

    def mark(self, moment: Moment, time: float | None = None) -> None:
        """`moment` was at `time` (now, when None); the first mark stands."""
        if moment not in self._moments:
            self._moments[moment] = anyio.current_time() if time is None else time

    def latency(self, turn: int) -> TurnLatency:
        """The parts between neighbouring moments; a part with a moment missing is left out."""
        parts = {
            part: self._between(first, second)
            for part, (first, second) in zip(_PARTS, pairwise(_ORDER), strict=True)
        }
        return TurnLatency(turn, **parts, total_ms=self._between("speech_stopped", "first_sample"))

    def _between(self, first: Moment, second: Moment) -> float | None:
        if first not in self._moments or second not in self._moments:
            return None
        return round((self._moments[second] - self._moments[first]) * 1000, 1)
