"""The engine of a configuration, and a gate for each conversation."""

from collections.abc import Callable

import anyio.to_thread

from agent.config.wake import WakeSettings
from agent.errors import ConfigError
from agent.events import Report
from agent.turns.backchannels import is_backchannel
from agent.wake.engine import WakeWordEngine
from agent.wake.gate import WakeGate


class WakeWords:
    """The wake words of an agent, loaded once, and for every further conversation again."""

    def __init__(self, settings: WakeSettings) -> None:
        """Raises ConfigError for a word that cannot be one."""
        self.enabled = settings.enabled
        """Whether there are any."""
        self._settings = settings
        self._engine = create_wake_word_engine(settings) if self.enabled else None

    async def load(self) -> None:
        """Load the engine. Raises ConfigError, ParleyError."""
        if self._engine is not None:
            await anyio.to_thread.run_sync(self._engine.load)

    async def gate(self, report: Report) -> WakeGate:
        """A gate, which is closed while the agent sleeps; without wake words it is always open."""
        engine, self._engine = self._engine, None
        if engine is None and self.enabled:
            engine = create_wake_word_engine(self._settings)
            await anyio.to_thread.run_sync(engine.load)
        return WakeGate(engine, report)


def create_wake_word_engine(settings: WakeSettings) -> WakeWordEngine:
    """The configured engine, not loaded. Raises ConfigError for a word that cannot be one."""
    for word in settings.words:
        if is_backchannel(word):
            raise ConfigError(
                f"wake.words: '{word}' is what people say while they listen, and would wake the "
                "agent all day: take a phrase of its own, such as 'hey parley'"
            )
    return _ENGINES[engine_of(settings)](settings)


def engine_of(settings: WakeSettings) -> str:
    """The engine's name; for `auto` openWakeWord, where it has a model of every word."""
    if settings.engine != "auto":
        return settings.engine
    from agent.wake.openwakeword import trained_models

    trained = settings.model is not None or trained_models().keys() >= set(settings.words)
    return "openwakeword" if trained else "pocketsphinx"


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
