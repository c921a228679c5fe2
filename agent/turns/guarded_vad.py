"""The border to a voice activity detector: where it fails, there is no voice, and it is told."""

from copy import copy
from functools import partial

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.engines.apart import CallerApart
from agent.engines.telling import tell
from agent.errors import ParleyError
from agent.events import ErrorEvent, WarningEvent
from agent.guards.foreign import describe, foreign
from agent.turns.vad import WINDOW, Vad

LIMIT = 5.0
"""Seconds until a detector must have judged a block."""


class GuardedVad:
    """A voice detector that always answers: with no voice, if need be, and begins anew then."""

    def __init__(self, vad: Vad) -> None:
        self._vad = vad
        self._caller = CallerApart()
        self._rest = np.zeros(0, np.float32)  # the beginning of a window
        self._unheard = np.zeros(0, np.float32)  # what the detector has not been given of it
        self._lost = False  # and the detector does not have it
        self._failed = False

    def __copy__(self) -> "GuardedVad":
        """A detector of another conversation: the same model, and nothing heard."""
        return GuardedVad(copy(self._vad))

    async def load(self) -> None:
        """Load the detector. Raises ParleyError."""
        try:
            with foreign():
                await self._vad.load()
        except ParleyError:
            raise
        except Exception as error:
            raise ParleyError(f"the voice activity detector: {describe(error)}") from error

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        """Hear more (mono, 16 kHz, any length): one probability per completed window."""
        heard = np.concatenate((self._rest, pcm))
        windows = len(heard) // WINDOW
        self._rest = heard[windows * WINDOW :]
        unheard = heard if self._lost else np.concatenate((self._unheard, pcm))
        if not windows:  # the way to the engine is worth a window at least
            self._unheard = unheard if not self._lost else self._unheard
            return []
        self._unheard = np.zeros(0, np.float32)
        failure = f"no answer within {LIMIT:g} s"
        try:
            with anyio.move_on_after(LIMIT), foreign():
                given = await self._caller.call(partial(self._vad.feed, unheard))
                probabilities = [float(p) for p in given]
                if all(0 <= p <= 1 for p in probabilities):  # false for NaN
                    self._works()
                    return probabilities
                failure = f"it gave {probabilities}, which are no probabilities"
        except Exception as error:  # noqa: BLE001  (P6: a dead detector ends no session)
            failure = describe(error)
        self._fails(failure)
        return [0.0] * windows

    def reset(self) -> None:
        """Forget everything heard."""
        self._rest = np.zeros(0, np.float32)
        self._unheard = np.zeros(0, np.float32)
        self._begin_anew()
        self._lost = False

    def _works(self) -> None:
        self._lost = False
        if self._failed:
            self._failed = False
            message = "the voice activity detector works again"
            tell(WarningEvent("vad", "vad.recovered", message))

    def _fails(self, why: str) -> None:
        """Tell it once, and have the next block be the first."""
        self._lost = True
        self._begin_anew()
        if not self._failed:
            self._failed = True
            message = f"the voice activity detector failed, and hears no voice meanwhile: {why}"
            tell(ErrorEvent("vad", "vad.failed", message, recovered=True))

    def _begin_anew(self) -> None:
        try:
            with foreign():
                self._vad.reset()
        except Exception as error:  # noqa: BLE001
            message = f"the voice activity detector cannot be reset: {describe(error)}"
            tell(WarningEvent("vad", "vad.reset", message))
