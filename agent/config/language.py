"""What one key, `language`, sets in the other sections, where they leave it open."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from agent.config.engines import TTS, EngineSection
from agent.config.sections import PREAMBLE, AgentSettings, IdleSettings, Section
from agent.config.wake import WakeSettings
from agent.errors import ConfigError
from agent.languages import AUTO, codes, data, find, listed, name_of, phrase, section

_VOICES = ("kokoro", "piper", "espeak")
"""The engines that `auto` may stand for in another language than English, the best first."""

Filled = TypeVar("Filled", bound=Section)
Said = TypeVar("Said", AgentSettings, IdleSettings)


def named_language(value: str) -> str:
    """The code of a language, by its name, too. Raises PydanticCustomError for an unknown one."""
    try:
        return find(value)
    except ConfigError as error:
        raise PydanticCustomError("language", "{reason}", {"reason": str(error)}) from None


def said_in_language(settings: Said, language: str) -> Said:
    """What the agent says by itself, in a language, where the configuration does not say it."""
    if language == AUTO:
        return settings
    if isinstance(settings, IdleSettings):
        changes = {"prompt": phrase("still_there", language, settings.prompt)}
    else:
        changes = {"apology": phrase("apology", language, settings.apology)}
        if language != "en":
            changes["preamble"] = f"{PREAMBLE} {phrase('speak', language, '')}".strip()
    return _filled(settings, changes)


def dismissed_in(settings: WakeSettings, language: str) -> WakeSettings:
    """The words that send the agent to sleep, in another language than English."""
    words = listed(data(language, "turns").get("sleep", ""))
    return _filled(settings, {"dismissals": [*words]}) if words and language != "en" else settings


def sorry_in(settings: AgentSettings, language: str) -> AgentSettings:
    """The apology alone in a language: what the model is told stays as it is."""
    return _filled(settings, {"apology": phrase("apology", language, settings.apology)})


def engine_in_language(engine: EngineSection, language: str, family: str) -> EngineSection:
    """An engine of a family, `stt` or `tts`, and those that stand in for it, in a language.

    Raises ValidationError for one that does not have it.
    """
    if language == AUTO:
        return engine
    fallback = [engine_in_language(other, language, family) for other in engine.fallback]
    if family == "tts" and engine.engine_name == "auto" and language != "en":
        name = next(name for name in _VOICES if voice_of(language, name))
        engine = TTS.validate({"engine": name})
    only = getattr(engine.engine_class, "language", None)
    if isinstance(only, str) and only != language:
        verb = "understands" if family == "stt" else "speaks"
        raise _refused(engine, f"{verb} {name_of(only)} only", language, family)
    changes: dict[str, Any] = {}
    if family == "stt" or engine.engine_name == "command":
        changes["language"] = language
    elif engine.engine_name in section(language, "language", "voices"):
        changes["voice"] = voice_of(language, engine.engine_name)
        if not changes["voice"] and "voice" not in engine.model_fields_set:
            raise _refused(engine, f"has no voice for {name_of(language)}", language, family)
    filled = _filled(engine, changes)
    return filled.model_copy(update={"fallback": fallback}) if fallback else filled


def with_every_language(voice: EngineSection) -> EngineSection:
    """A voice that answers a turn in the voice of its language, where nobody has chosen one.

    Only espeak has them all without a download.
    """
    changes: dict[str, Any] = {"fallback": [with_every_language(other) for other in voice.fallback]}
    if voice.engine_name == "espeak" and not {"voice", "languages"} & voice.model_fields_set:
        spoken = {code: voice_of(code, "espeak") for code in codes() if code != "en"}
        changes["languages"] = {code: name for code, name in spoken.items() if name}
    return voice.model_copy(update=changes)


def voice_of(language: str, engine: str) -> str:
    """The name of an engine's voice for a language; empty where it has none, or none is known."""
    return section(language, "language", "voices").get(engine, "").strip("-")


def _filled(settings: Filled, changes: Mapping[str, Any]) -> Filled:
    """A section with the keys that it has and leaves open."""
    there = type(settings).model_fields.keys() - settings.model_fields_set
    return settings.model_copy(update={k: v for k, v in changes.items() if k in there})


def _refused(engine: EngineSection, why: str, language: str, family: str) -> ValidationError:
    names: tuple[str, ...] = ("whisper", "openai")
    if family == "tts":
        spoken = section(language, "language", "voices")
        names = tuple(name for name in spoken if voice_of(language, name))
    *most, last = names
    others = f"{', '.join(most)} or {last}" if most else last
    message = f"{engine.engine_name} {why}: for {name_of(language)} choose {family}.engine {others}"
    problem = PydanticCustomError("engine", "{reason}", {"reason": message})
    details = InitErrorDetails(type=problem, loc=(engine.selector,), input=engine.engine_name)
    return ValidationError.from_exception_data(family, [details])
