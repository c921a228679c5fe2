"""What a configuration needs of the machine, and whether it is there.

A check never raises and looks only; its blocking part runs in a thread.
"""

import platform
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread

from agent.audio.devices import STAGE, Kind, find_device, load
from agent.audio.open import is_file
from agent.config.engines import (
    EngineSection,
    create_llm,
    create_stt,
    create_tts,
    fitting_voice,
)
from agent.config.load import Config
from agent.doctor.checks_llm import endpoint, servers, tools
from agent.doctor.checks_server import server
from agent.doctor.checks_wake import wake
from agent.doctor.finding import Finding
from agent.doctor.gpu import nvidia_gpus
from agent.doctor.installation import installation
from agent.doctor.model_caches import (
    CODECS,
    dia2_model,
    dia2_speed,
    dia_speed,
    llama_model,
    smart_turn_model,
    voice_speed,
    whisper_model,
)
from agent.errors import AudioError
from llm_adapters import LanguageModelError
from stt import SpeechToTextError
from tts import TextToSpeechError
from tts.extras import NAME, pip_install

PATIENCE = 2.0
"""Seconds that a device, a program or a server has to answer."""


Check = Callable[[Config], Awaitable[list[Finding]]]


async def examine(config: Config, checks: Sequence[Check]) -> list[Finding]:
    """Run `checks`, all at the same time; the findings are in their order."""
    config = config.model_copy(update={"tts": fitting_voice(config.tts)})
    results: list[list[Finding]] = [[] for _ in checks]

    async def run(index: int, check: Check) -> None:
        results[index] = await check(config)

    async with anyio.create_task_group() as tasks:
        for index, check in enumerate(checks):
            tasks.start_soon(run, index, check)
    return [finding for findings in results for finding in findings]


async def python(_: Config) -> list[Finding]:
    """The interpreter; an older one could not have started Parley."""
    return [Finding("ok", "python", f"{platform.python_version()} ({sys.executable})")]


async def packages(config: Config) -> list[Finding]:
    """The packages that every agent needs, and those of the configured engines."""
    names = dict.fromkeys(_BASE)
    engines = (config.engines_of(section) for section in ("stt", "llm", "tts"))
    for section in (engine for each in engines for engine in each):
        names.update(dict.fromkeys(OF_ENGINE.get(section.engine_name, ())))
    if any(tool.mcp is not None for tool in config.tools):
        names["mcp"] = None
    if config.echo in ("auto", "cancel"):
        names["pywebrtc-audio"] = None
    return [_package(name) for name in names]


_BASE = (
    *("numpy", "anyio", "pydantic", "PyYAML", "rich", "sounddevice", "soxr"),
    *("onnxruntime", "faster-whisper"),  # voice activity: the model comes with faster-whisper
)
OF_ENGINE = {
    "auto": ("openai",),
    "pocketsphinx": ("pocketsphinx",),
    "whisper": ("ctranslate2", "huggingface_hub"),
    "llama": ("openai", "xllamacpp"),
    "openai": ("openai",),
    "espeak": ("espeakng-loader",),
    "dia": ("torch", "safetensors", "huggingface_hub"),
    "dia2": ("torch", "safetensors", "tokenizers", "huggingface_hub"),
}
_EXTRAS = {
    **dict.fromkeys(("torch", "safetensors", "tokenizers"), f"{NAME}[dia2]"),  # Dia's are in it
    "xllamacpp": f"{NAME}[llama]",
    "mcp": f"{NAME}[mcp]",
    "pywebrtc-audio": f"{NAME}[echo]",
}


def _package(name: str) -> Finding:
    try:
        return Finding("ok", name, version(name))
    except PackageNotFoundError:
        fix = pip_install(_EXTRAS.get(name, name))
        return Finding("missing", name, "not installed", fix)


async def gpu(config: Config) -> list[Finding]:
    """The NVIDIA GPU, which nothing needs unless the configuration says so."""
    found = await nvidia_gpus()
    if found:
        return [Finding("ok", "gpu", str(each)) for each in found]
    for section, engine in (("stt", config.stt), ("tts", config.tts)):
        if any(getattr(each, "device", None) == "cuda" for each in engine.engines):
            fix = f"install the NVIDIA driver, or set {section}.device to auto"
            detail = f"no NVIDIA GPU found, and {section}.device is cuda"
            return [Finding("missing", "gpu", detail, fix)]
    if config.tts.engine_name == "dia2":
        fix = "without one it speaks slower than real time; tts: {engine: espeak} needs none"
        return [Finding("note", "gpu", "no NVIDIA GPU found, and Dia2 wants one", fix)]
    if config.tts.engine_name == "dia":
        fix = "talk with tts: {engine: dia2} or kokoro; Dia writes files: parley say --script"
        return [Finding("note", "gpu", "no NVIDIA GPU found, and without one Dia is slow", fix)]
    return [Finding("note", "gpu", "no NVIDIA GPU found; this configuration needs none")]


async def sound(config: Config) -> list[Finding]:
    """PortAudio, and the microphone and speaker that the configuration names."""
    with anyio.move_on_after(PATIENCE):
        return await anyio.to_thread.run_sync(_sound, config, abandon_on_cancel=True)
    detail = f"the sound system does not answer within {PATIENCE:g} s"
    return [Finding("missing", "sound", detail, "restart it, or unplug the last device plugged in")]


def _sound(config: Config) -> list[Finding]:
    devices: dict[Kind, str | int | None] = {
        "input": config.microphone.device,
        "output": config.speaker.device,
    }
    try:
        library = Finding("ok", "portaudio", load().get_portaudio_version()[1])
    except AudioError as error:
        needed = not all(is_file(device) for device in devices.values())
        library = Finding("missing" if needed else "note", "portaudio", str(error))
    findings = [library]
    for kind, device in devices.items():
        if is_file(device):
            findings.append(_audio_file(kind, Path(str(device))))
        elif library.state == "ok":
            findings.append(_device(kind, device))
    return findings


def _audio_file(kind: Kind, path: Path) -> Finding:
    if kind == "input" and not path.is_file():
        return Finding("missing", STAGE[kind], f"no such file: {path}")
    return Finding("ok", STAGE[kind], f"the file {path}")


def _device(kind: Kind, wanted: str | int | None) -> Finding:
    try:
        device = find_device(kind, wanted)
    except AudioError as error:
        return Finding("missing", STAGE[kind], str(error))
    return Finding("ok", STAGE[kind], f"{device.index} '{device.name}', {device.sample_rate} Hz")


async def recognition(config: Config) -> list[Finding]:
    """The recognisers and what judges a turn's end: their data, or the cached models."""
    findings = []
    if config.turn.detector == "smart_turn":
        findings.append(await anyio.to_thread.run_sync(smart_turn_model, config.turn.model))
    return [*findings, *[await _recogniser(section) for section in config.stt.engines]]


async def _recogniser(section: EngineSection) -> Finding:
    if section.engine_name == "whisper":
        return await anyio.to_thread.run_sync(whisper_model, section)
    finding = await _loads("stt", section, create_stt)
    if finding.state != "ok" or section.engine_name != "openai":
        return finding
    return await endpoint(section, "stt")


async def language_models(config: Config) -> list[Finding]:
    """The language model and its fallbacks: whether their endpoints answer and have the models."""
    return [await _language_model(section) for section in config.engines_of("llm")]


async def _language_model(section: EngineSection) -> Finding:
    if section.engine_name == "llama":
        return await anyio.to_thread.run_sync(llama_model, section)
    finding = await _loads("llm", section, create_llm)
    if finding.state != "ok" or section.engine_name != "openai":
        return finding
    return await endpoint(section)


async def synthesis(config: Config) -> list[Finding]:
    """The synthesiser and its fallbacks: library and data, program, or cached model."""
    return [finding for section in config.engines_of("tts") for finding in await _voice(section)]


async def _voice(section: EngineSection) -> list[Finding]:
    if (name := section.engine_name) in ("kokoro", "piper"):
        quick = await anyio.to_thread.run_sync(voice_speed, section)
        return [quick or await _loads("tts", section, create_tts)]
    if name not in CODECS:
        return [await _loads("tts", section, create_tts)]
    found = [await anyio.to_thread.run_sync(dia2_model, section)]
    measured = dia_speed(section) if name == "dia" else dia2_speed(section)
    return found if measured is None else [*found, measured]


class _Engine(Protocol):
    async def load(self) -> None: ...
    async def aclose(self) -> None: ...


_LIGHT = ("pocketsphinx", "eliza", "auto", "openai", "espeak", "command")
"""Engines that are loaded in a moment and download nothing: loading them is the best check."""


async def _loads(
    family: str, section: EngineSection, create: Callable[[EngineSection], _Engine]
) -> Finding:
    subject = f"{family} {section.engine_name}"
    if section.engine_name not in _LIGHT:
        return Finding("note", subject, "installed; not tried, as loading it may take long")
    try:
        engine = create(section)
        try:
            with anyio.fail_after(_LOAD_PATIENCE):
                await engine.load()
        finally:
            with anyio.CancelScope(shield=True):
                await engine.aclose()
    except TimeoutError:
        return Finding("missing", subject, f"not ready after {_LOAD_PATIENCE:g} s")
    except (SpeechToTextError, LanguageModelError, TextToSpeechError) as error:
        return Finding("missing", subject, str(error))
    return Finding("ok", subject, "loads")


_LOAD_PATIENCE = 10.0


OF_MACHINE: Sequence[Check] = (python, installation, packages, gpu, sound, servers, server)
OF_ENGINES: Sequence[Check] = (recognition, language_models, synthesis, wake, tools)
