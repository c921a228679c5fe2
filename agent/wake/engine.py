"""The protocol of wake word engines."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
"""The rate in Hz of what `hear` expects."""


@dataclass(frozen=True, slots=True)
class WakeWord:
    """A wake word was heard: `text`, which ended `ago` samples before the end of what was heard."""

    text: str
    ago: int = 0


class WakeWordEngine(Protocol):
    """A wake word engine listens for a few phrases; both methods block, in a worker thread."""

    def load(self) -> None:
        """Make ready. Raises ConfigError, ParleyError."""

    def hear(self, pcm: NDArray[np.float32]) -> WakeWord | None:
        """Hear more, float32 [n] at 16 kHz: the wake word that has ended in it, if one has."""

    def reset(self) -> None:
        """Forget what was heard: what comes next does not follow it."""
