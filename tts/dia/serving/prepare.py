"""Preparation, once before Dia speaks: loading, the voice, measuring. Blocking."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from tts import speed
from tts.dia.bundle import Bundle
from tts.dia.network.sampling import Sampling
from tts.dia.serving.prompt import Prompt, of_voices
from tts.dia.serving.scheduler import Scheduler
from tts.dia.serving.sound import PUSH
from tts.dia.serving.utterance import VoiceSettings
from tts.dia.settings import Settings
from tts.protocol import TextToSpeechError
from tts.voices import folder as voices

_MEASURED = 6  # steps: the first calls are slower

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """Holds a model that is ready, and how it is to speak."""

    dia: Bundle
    scheduler: Scheduler
    voice_settings: VoiceSettings
    prompt: Prompt | None
    """The voice, if there is one."""
    real_time_factor: float
    """Seconds that a second of speech takes here, as measured."""


def load(settings: Settings) -> Prepared:
    """Load the model and the voice that an engine's settings name, and measure.

    Warns where speech is slower than real time. Raises TextToSpeechError.
    """
    try:
        dia = load_model(settings)
        voice_settings = VoiceSettings(sampling_of(settings, dia.sampling), settings.seed)
        prompt = prompt_of(dia, [] if settings.voice is None else [settings.voice])
        factor = real_time_factor(dia, voice_settings.sampling)
    except RuntimeError as error:  # PyTorch's own: no memory, a driver that does not work
        reason = str(error).partition("\n")[0]
        raise TextToSpeechError(f"Dia cannot be loaded: {reason}") from error
    if dia.model.device.type == "cpu":
        speed.keep(speed.dia(settings.model, settings.quantize), factor)
    if factor > 1:
        _log.warning("%s", slow(factor, on_cpu=dia.model.device.type == "cpu"))
    return Prepared(dia, Scheduler(dia), voice_settings, prompt, factor)


def load_model(settings: Settings) -> Bundle:
    """Load only the model. Raises TextToSpeechError."""
    return Bundle.load(
        settings.model,
        slots=settings.slots,
        guidance=settings.cfg != 1,
        **settings.placement,
    )


def sampling_of(settings: Settings, own: Sampling) -> Sampling:
    """Take the sampling out of an engine's settings; what they leave open is the model's own."""
    named: dict[str, Any] = {
        "scale": settings.cfg,
        "temperature": settings.temperature,
        "top_k": settings.top_k,
        "top_p": settings.top_p,
    }
    return replace(own, **{name: value for name, value in named.items() if value is not None})


def prompt_of(dia: Bundle, names: Sequence[str]) -> Prompt | None:
    """Load the voices of [S1] and [S2], by name or path. Raises TextToSpeechError."""
    prompt = of_voices([voices.load(name, "dia") for name in names], dia.codec)
    if prompt is not None:
        prompt.check(dia.config, dia.frame_rate)
    return prompt


def settings_with(
    settings: VoiceSettings, cfg: float | None, temperature: float | None, seed: int | None
) -> VoiceSettings:
    """Return settings with what is not None changed."""
    sampling = settings.sampling
    if cfg is not None:
        sampling = replace(sampling, scale=cfg)
    if temperature is not None:
        sampling = replace(sampling, temperature=temperature)
    return VoiceSettings(sampling, settings.seed if seed is None else seed)


def real_time_factor(dia: Bundle, sampling: Sampling) -> float:
    """Measure the seconds that a second of speech takes, of one utterance: the best of a few."""
    stepper, codec = dia.stepper(), dia.codec.decoder()
    take = dia.take("[S1] One two three four.", sampling=sampling)
    slot = stepper.admit(take)
    steps: list[float] = []
    while not take.finished and len(steps) < _MEASURED:
        begun = time.perf_counter()
        stepper.step()
        if stepper.spoke:
            steps.append(time.perf_counter() - begun)
    stepper.release(slot)
    codes = torch.zeros(dia.config.codebooks, PUSH, dtype=torch.long, device=dia.codec.device)
    pushes: list[float] = []
    for _ in range(dia.codec.look_ahead // (PUSH * dia.codec.frame_size) + 3):
        begun = time.perf_counter()
        codec.step(codes)
        pushes.append(time.perf_counter() - begun)
    return (min(steps) + min(pushes[-2:]) / PUSH) * dia.frame_rate


def slow(factor: float, *, on_cpu: bool) -> str:
    """Say what it means that a second of speech takes so many, and what to do."""
    faster = ", or an NVIDIA GPU" if on_cpu else ""
    return (
        f"Dia takes {factor:.1f} s for a second of speech on this machine: it is too slow for a "
        f"conversation, take engine: dia2 or kokoro{faster}; a whole text can be written at any "
        "speed, parley say --tts dia --script FILE -o FILE"
    )
