"""What Home Assistant is told that there is: known from the configuration, before models load."""

import re
from importlib.metadata import version
from typing import Any

from wyoming.info import (
    AsrModel,
    AsrProgram,
    Attribution,
    HandleModel,
    HandleProgram,
    Info,
    TtsProgram,
    TtsVoice,
)

from agent.agent import Agent
from agent.config.engines import EngineSection
from tts.extras import NAME

_CODES = (
    "en af am ar as az ba be bg bn bo br bs ca cs cy da de el es et eu fa fi fo fr gl gu ha "
    "haw he hi hr ht hu hy id is it ja jv ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr "
    "ms mt my nb ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te "
    "tg th tk tl tr tt uk ur uz vi yi yo yue zh "
)
LANGUAGES = tuple(_CODES.split())
"""Codes of the languages that models of many languages have: Whisper's, and Norway's `nb`."""
PROJECT = "Parley"
URL = f"https://pypi.org/project/{NAME}/"
ONE_LANGUAGE = ("pocketsphinx", "dia", "dia2", "auto")
"""Engines that speak or hear English."""


def describe(agent: Agent) -> Info:
    """Return the programs of an agent: recogniser, voice, and the agent as a conversation.

    The voices besides the configured one are known once they are loaded.
    """
    config = agent.config
    stt, tts = config.stt, config.tts
    heard = _heard(stt)
    asr = AsrModel(**_artifact(stt.engine_name, _model(stt) + _others(stt)), languages=heard)
    names = dict.fromkeys([_voice(tts), *agent.tts.voices])
    voices = [
        TtsVoice(**_artifact(name, f"the voice {name}{_others(tts)}"), languages=_spoken(tts, name))
        for name in names
    ]
    name = config.agent.name
    model = HandleModel(
        **_artifact(
            config.llm.engine_name, f"answers by {_model(config.llm)}{_others(config.llm)}"
        ),
        languages=list(LANGUAGES),
    )
    return Info(
        asr=[
            AsrProgram(
                **_artifact(PROJECT, "Parley's speech-to-text"),
                models=[asr],
                supports_transcript_streaming=True,
            )
        ],
        tts=[
            TtsProgram(
                **_artifact(PROJECT, "Parley's voice, spoken while its text is written"),
                voices=voices,
                supports_synthesize_streaming=True,
            )
        ],
        handle=[
            HandleProgram(
                **_artifact(name, f"{name}, with its instructions, memory and tools"),
                models=[model],
                supports_handled_streaming=True,
            )
        ],
    )


def voice_of(agent: Agent, language: object) -> str | None:
    """Return another voice than the configured one, for a language that this one does not speak.

    None where the configured one does, or no other is known to.
    """
    if not isinstance(language, str) or not language:
        return None
    section, wanted = agent.config.tts, language.replace("_", "-").lower()
    own = _voice(section)
    spoken = {
        name: [code.lower() for code in _spoken(section, name)] for name in (own, *agent.tts.voices)
    }
    for code in (wanted, wanted.partition("-")[0]):
        for name, codes in spoken.items():
            if any(each == code or each.startswith(f"{code}-") for each in codes):
                return None if name == own else name
    return None


def _artifact(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "attribution": Attribution(name=PROJECT, url=URL),
        "installed": True,
        "version": version(NAME),
    }


def _others(section: EngineSection) -> str:
    """What stands in for an engine when it fails: nobody chooses it."""
    others = ", ".join(each.title for each in section.fallback)
    return f" (where it fails, {others})" if others else ""


def _model(section: EngineSection) -> str:
    return str(getattr(section, "model", None) or section.engine_name)


def _voice(section: EngineSection) -> str:
    """The name of the voice, which Home Assistant shows."""
    return str(getattr(section, "voice", None) or section.engine_name)


def _heard(section: EngineSection) -> list[str]:
    language = getattr(section, "language", None)
    if language not in (None, "auto"):
        return [str(language)]
    english = section.engine_name in ONE_LANGUAGE or _model(section).endswith(".en")
    return ["en"] if english else list(LANGUAGES)


def _spoken(section: EngineSection, voice: str) -> list[str]:
    """A voice's languages: one that is configured, one that its name begins with, or all."""
    if language := getattr(section, "language", None):
        return [str(language)]
    if section.engine_name in ONE_LANGUAGE:
        return ["en"]
    if section.engine_name == "kokoro":  # af_heart: American, feminine
        return [_KOKORO.get(voice[:1], "en")]
    begins = re.match(r"([a-z]{2,3})([-_][A-Za-z]{2})?(?=$|[-_+])", voice)
    if begins is not None and begins[1] in LANGUAGES:
        region = (begins[2] or "")[1:].upper()
        return [f"{begins[1]}-{region}" if region else begins[1]]
    return list(LANGUAGES)


_KOKORO = {
    **{"a": "en-US", "b": "en-GB", "e": "es", "f": "fr", "h": "hi"},
    **{"i": "it", "j": "ja", "p": "pt-BR", "z": "zh"},
}
