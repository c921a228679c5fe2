"""The inlet: where sound enters, from whatever microphone, it is made sound, and missed if dead."""

import sys
from dataclasses import replace

from agent.events import Audio, Report, WarningEvent
from agent.guards.audio import SampleGuard

DEAD_AT_FIRST = 5.0
"""Seconds of nothing but zeros after which a microphone that has never given a sound is dead."""

DEAD_LATER = 30.0
"""The same for one that has: between words, noise suppression may give zeros for a while."""

_CURES = {
    "darwin": "allow your terminal to use it in System Settings > Privacy & Security > Microphone",
    "win32": "allow programs to use it in Settings > Privacy > Microphone",
}


class Inlet:
    """An inlet makes the microphone's blocks finite samples in [-1, 1].

    Tells once of each kind of bad sample, and of a microphone that gives digital silence.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._guard = SampleGuard(self._tell_samples)
        self._silent = 0.0  # seconds of zeros, up to now
        self._limit = DEAD_AT_FIRST
        self._told = False

    def guard(self, block: Audio) -> Audio:
        """Return the next block as it should be: the same if it is."""
        pcm = self._guard(block.pcm)
        self._listen(block.duration, silent=not pcm.any())
        return block if pcm is block.pcm else replace(block, pcm=pcm)

    def _listen(self, seconds: float, *, silent: bool) -> None:
        if silent:
            self._silent += seconds
            if self._silent >= self._limit and not self._told:
                self._told = True
                self._tell("silent", _dead(self._silent), recovered=False)
            return
        if self._told:
            self._tell("sounds", "the microphone gives sound", recovered=True)
        self._silent, self._limit, self._told = 0.0, DEAD_LATER, False

    def _tell_samples(self, what: str) -> None:
        self._tell("samples", f"the microphone {what}", recovered=True)

    def _tell(self, code: str, message: str, *, recovered: bool) -> None:
        self._report(WarningEvent("microphone", f"microphone.{code}", message, recovered))


def _dead(seconds: float) -> str:
    cure = _CURES.get(sys.platform, "raise the input volume in the system's sound settings")
    return (
        f"the microphone has given nothing but digital silence for {seconds:.0f} s: is it muted (a "
        f"switch or a key on it, the sound settings)? Otherwise {cure}, or choose another: --mic"
    )
