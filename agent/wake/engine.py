"""The protocol of wake word engines."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.config.wake import WakeSettings
from agent.errors import ConfigError
from agent.turns.backchannels import is_backchannel

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


def create_wake_word_engine(settings: WakeSettings) -> WakeWordEngine:
    """The configured engine, not loaded. Raises ConfigError for a word that cannot be one."""
    for word in settings.words:
        if is_backchannel(word):
            raise ConfigError(
                f"wake.words: '{word}' is what people say while they listen, and would wake the "
                "agent all day: take a phrase of its own, such as 'hey parley'"
            )
    return _ENGINES[settings.engine](settings)


def _pocketsphinx(settings: WakeSettings) -> WakeWordEngine:
    from agent.wake.pocketsphinx import PocketsphinxSpotter

    return PocketsphinxSpotter(settings.words, settings.sensitivity)


def _openwakeword(settings: WakeSettings) -> WakeWordEngine:
    from agent.wake.openwakeword import OpenWakeWordSpotter

    return OpenWakeWordSpotter(settings.words, settings.sensitivity, settings.model)


_ENGINES: dict[str, Callable[[WakeSettings], WakeWordEngine]] = {
    "pocketsphinx": _pocketsphinx,
    "openwakeword": _openwakeword,
}
