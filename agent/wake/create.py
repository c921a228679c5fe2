"""The engine of a configuration."""

from collections.abc import Callable

from agent.config.wake import WakeSettings
from agent.errors import ConfigError
from agent.turns.backchannels import is_backchannel
from agent.wake.engine import WakeWordEngine


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
