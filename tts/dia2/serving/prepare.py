"""Preparation, once before Dia2 speaks: loading, prefilling the voice, measuring. Blocking."""

import logging
import time
from collections import abc
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from tts import speed
from tts.dia2.bundle import SMALLER, Bundle
from tts.dia2.fast.model import FastModel
from tts.dia2.network.sampling import Sampling, random_numbers
from tts.dia2.serving.admission import Admission
from tts.dia2.serving.context import ContextPrefill, ConversationContext
from tts.dia2.serving.graph_stepper import new_stepper
from tts.dia2.serving.prompt import prompt
from tts.dia2.serving.scheduler import Scheduler
from tts.dia2.serving.sequence import Sequence
from tts.dia2.serving.utterance import PrefilledPrefix, VoiceSettings
from tts.dia2.serving.windows import Prefix
from tts.dia2.text.script import parse_script
from tts.protocol import TextToSpeechError
from tts.transformer.kv_cache import doubling, is_static
from tts.voices import folder as voices
from tts.voices.voice import Voice

if TYPE_CHECKING:
    from tts.dia2.settings import Settings

_MEASURED = 6  # frames: the first calls are slower

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """Holds a model that is ready, and how it is to speak."""

    bundle: Bundle
    scheduler: Scheduler
    voice_settings: VoiceSettings
    prefilled: PrefilledPrefix
    context_prefill: ContextPrefill | None
    """What the next utterance goes on from, if it goes on from the conversation."""
    real_time_factor: float
    """Seconds that a second of speech takes here, as measured."""


def load(settings: "Settings") -> Prepared:
    """Load the model and the voice that an engine's settings name, and `prepare` them.

    Raises TextToSpeechError.
    """
    try:
        bundle = Bundle.load(
            settings.model,
            quantize=None if settings.quantize == "auto" else settings.quantize == "int8",
            kernels=settings.kernels,
            slots=settings.slots,
            guidance=settings.cfg != 1,
            **settings.placement,
        )
        voice_settings = VoiceSettings(
            sampling_of(settings), settings.seed, settings.starve, settings.starve_after
        )
        voice = None if settings.voice is None else voices.load(settings.voice)
        prepared = prepare(bundle, voice_settings, voice, settings.context)
    except RuntimeError as error:  # PyTorch's own: no memory, a driver that does not work
        reason = str(error).partition("\n")[0]
        raise TextToSpeechError(f"Dia2 cannot be loaded: {reason}") from error
    if bundle.model.device.type == "cpu":  # whether a GPU is fast enough is no question
        quantized = isinstance(bundle.model, FastModel) and bundle.model.quantized
        name = speed.dia2(settings.model, "int8" if quantized else "none")
        speed.keep(name, prepared.real_time_factor)
    return prepared


def sampling_of(settings: "Settings") -> Sampling:
    """Take the sampling out of an engine's settings."""
    named = {each.name for each in fields(Sampling)} & {each.name for each in fields(settings)}
    return Sampling(scale=settings.cfg, **{name: getattr(settings, name) for name in named})


def prepare(
    bundle: Bundle, voice_settings: VoiceSettings, voice: Voice | None = None, context: int = 0
) -> Prepared:
    """Prefill the voice, and warn if speech is slower than real time here.

    `context` is how many turns of a conversation a reply goes on from. Raises TextToSpeechError.
    """
    scheduler = Scheduler(bundle)
    prefix = Prefix.nothing(bundle.config)
    if voice is not None:
        prefix = Prefix(*prompt([voice], bundle.tokenizer, bundle.mimi))
    prefilled = scheduler.prefill(prefix, voice_settings)
    context_prefill = None
    if context:
        conversation = ConversationContext(bundle, voice, context)
        context_prefill = ContextPrefill(conversation, scheduler, voice_settings, prefilled)
    frame = _measure(bundle, scheduler.admission, voice_settings.sampling)
    _warn_if_slow(bundle, frame)
    factor = frame * bundle.frame_rate
    return Prepared(bundle, scheduler, voice_settings, prefilled, context_prefill, factor)


def prefix_of(bundle: Bundle, names: abc.Sequence[str]) -> Prefix:
    """Load the voices of [S1] and [S2], by name or path, as a prefix. Raises TextToSpeechError."""
    if not names:
        return Prefix.nothing(bundle.config)
    prefix = Prefix(*prompt([*map(voices.load, names)], bundle.tokenizer, bundle.mimi))
    prefix.check(bundle.config, bundle.frame_rate)
    return prefix


def settings_with(
    settings: VoiceSettings, cfg: float | None, temperature: float | None, seed: int | None
) -> VoiceSettings:
    """Return settings with what is not None changed; the temperature is words' and sound's."""
    sampling = settings.sampling
    if cfg is not None:
        sampling = replace(sampling, scale=cfg)
    if temperature is not None:
        sampling = replace(sampling, text_temperature=temperature, audio_temperature=temperature)
    return replace(settings, sampling=sampling, seed=settings.seed if seed is None else seed)


class _Measured(Sequence):
    """A sequence whose every step makes audio, from the first one on."""

    @property
    def needs_audio(self) -> bool:
        return True


def frame_seconds(bundle: Bundle, sampling: Sampling, utterances: int = 1) -> float:
    """Measure how long a frame of so many utterances takes here at best: the quickest of a few."""
    config, slots = bundle.config, bundle.model.slots
    stepper, decoder = new_stepper(bundle.model, bundle.graphs), bundle.decoder
    uniforms = random_numbers(0, config.max_steps, config.codebooks)
    bos = bundle.tokenizer.bos
    taken = []
    for _ in range(utterances):
        sequence = _Measured(config, bos=bos, uniforms=uniforms, sampling=sampling)
        sequence.machine.add(parse_script("one two three four", bundle.tokenizer))
        sequence.machine.close()
        taken.append(stepper.admit(sequence))
    codes = np.zeros((slots, config.codebooks), np.int64)
    active = np.arange(slots) < utterances
    seconds = []
    for _ in range(min(_MEASURED, config.max_steps)):
        begun = time.perf_counter()
        stepper.step()
        decoder.step(codes, active)
        seconds.append(time.perf_counter() - begun)
    for slot in taken:
        stepper.release(slot)
    return min(seconds)


def _measure(bundle: Bundle, admission: Admission, sampling: Sampling) -> float:
    """Measure what a frame takes, of one utterance and of more, up to where it is too much.

    Gives the seconds for one.
    """
    last, first = 0, 0.0
    for utterances in doubling(1, bundle.model.slots):
        seconds = frame_seconds(bundle, sampling, utterances)
        first = first or seconds
        # Where shapes are fixed, those between take what the next larger graph takes.
        between = range(last + 1, utterances) if is_static(bundle.model.device) else ()
        for count in (*between, utterances):
            admission.expect(count, seconds)
        last = utterances
        if not admission.allows(max(2, utterances), 0.0):
            break
    return first


def _warn_if_slow(bundle: Bundle, frame: float) -> None:
    real_time_factor = frame * bundle.frame_rate
    if real_time_factor <= 1:
        return
    ways = ["an NVIDIA GPU"] if bundle.model.device.type == "cpu" else []
    if isinstance(bundle.model, FastModel) and not bundle.model.quantized:
        ways.append("quantize: int8")
    if bundle.config.decoder.width > 1024:
        ways.append(f"model: {SMALLER}")
    if bundle.model.branches > 1:
        ways.append("cfg: 1")
    _log.warning(
        "Dia2 takes %.1f s or more for a second of speech on this machine (%.0f ms a frame): there "
        "will be gaps; what helps is %s, or another engine, such as espeak",
        real_time_factor,
        1000 * frame,
        ", ".join(ways) or "a faster GPU",
    )
