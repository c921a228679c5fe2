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

from agent.config.engines import EngineSection
from agent.config.load import Config
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
ONE_LANGUAGE = ("pocketsphinx", "dia2", "auto")
"""Engines that speak or hear English."""


def describe(config: Config) -> Info:
    """Return the programs of an agent: recogniser, voice, and the agent as a conversation."""
    stt, tts = config.stt, config.tts
    heard = _heard(stt)
    asr = AsrModel(**_artifact(stt.engine_name, _model(stt)), languages=heard)
    voice = TtsVoice(**_artifact(_voice(tts), f"the voice {_voice(tts)}"), languages=_spoken(tts))
    name = config.agent.name
    model = HandleModel(
        **_artifact(config.llm.engine_name, f"answers by {_model(config.llm)}"),
        languages=list(LANGUAGES),
    )
    return Info(
        asr=[AsrProgram(**_artifact(PROJECT, "Parley's speech-to-text"), models=[asr])],
        tts=[
            TtsProgram(
                **_artifact(PROJECT, "Parley's voice, spoken while its text is written"),
                voices=[voice],
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


def _artifact(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "attribution": Attribution(name=PROJECT, url=URL),
        "installed": True,
        "version": version(NAME),
    }


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


def _spoken(section: EngineSection) -> list[str]:
    """The voice's languages: one that it names, one that its name begins with, or all."""
    if language := getattr(section, "language", None):
        return [str(language)]
    if section.engine_name in ONE_LANGUAGE:
        return ["en"]
    if section.engine_name == "kokoro":  # af_heart: American, feminine
        return [_KOKORO.get(_voice(section)[:1], "en")]
    begins = re.match(r"([a-z]{2,3})([-_][A-Za-z]{2})?(?=$|[-_+])", _voice(section))
    if begins is not None and begins[1] in LANGUAGES:
        region = (begins[2] or "")[1:].upper()
        return [f"{begins[1]}-{region}" if region else begins[1]]
    return list(LANGUAGES)


_KOKORO = {
    **{"a": "en-US", "b": "en-GB", "e": "es", "f": "fr", "h": "hi"},
    **{"i": "it", "j": "ja", "p": "pt-BR", "z": "zh"},
}
