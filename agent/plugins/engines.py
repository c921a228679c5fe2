"""The engines of a plug-in's services: by name, as in the configuration, or as they are."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from agent.config.engines import STT, TTS, EngineSection, Family, create_stt, create_tts
from agent.engines import GuardedSpeechToText, GuardedTextToSpeech
from agent.errors import ConfigError
from stt import SpeechToText
from tts import TextToSpeech

E = TypeVar("E")
Described = str | Mapping[str, Any]
"""An engine's name, or its section of the configuration: {"engine": "whisper", "model": "base"}."""


def described(engine: object) -> bool:
    """Return whether an engine is described, and the service that makes it closes it, too."""
    return isinstance(engine, str | Mapping)


def voice(engine: Described | TextToSpeech, **options: Any) -> GuardedTextToSpeech:
    """Return the voice that is described, not loaded yet, or given, which may be loaded already.

    `options` are further keys of the section of one that is described; None leaves one out.
    Raises ConfigError for one that there is not.
    """
    made = _made(TTS, engine, create_tts, options)
    return made if isinstance(made, GuardedTextToSpeech) else GuardedTextToSpeech(made)


def recogniser(engine: Described | SpeechToText) -> GuardedSpeechToText:
    """Return the recogniser that is described, not loaded yet, or given. Raises ConfigError."""
    made = _made(STT, engine, create_stt, {})
    return made if isinstance(made, GuardedSpeechToText) else GuardedSpeechToText(made)


def _made(
    family: Family,
    engine: Described | E,
    create: Callable[[EngineSection], E],
    options: Mapping[str, Any],
) -> E:
    if isinstance(engine, str):
        section: Mapping[str, Any] = {family.selector: engine}
    elif isinstance(engine, Mapping):
        section = engine
    else:
        return engine
    given = {key: value for key, value in options.items() if value is not None}
    try:
        return create(family.validate({**section, **given}))
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{family.section}: {'; '.join(wrong)}") from None
