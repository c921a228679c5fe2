"""What has to be done once before Dia2 speaks: loading, hearing the voice, measuring. Blocking."""

import logging
import time
from dataclasses import dataclass

import numpy as np

from tts.dia2.dia2 import SMALLER, Dia2
from tts.dia2.fast.model import FastModel
from tts.dia2.network.kv_cache import doubling, is_static
from tts.dia2.network.sampling import Sampling, random_numbers
from tts.dia2.serving.admission import Admission
from tts.dia2.serving.context import ConversationContext
from tts.dia2.serving.context_prefill import ContextPrefill
from tts.dia2.serving.prompt import prompt
from tts.dia2.serving.scheduler import Scheduler
from tts.dia2.serving.sequence import Take
from tts.dia2.serving.settings import Settings
from tts.dia2.serving.utterance import PrefilledPrefix, VoiceSettings
from tts.dia2.serving.windows import Prefix
from tts.dia2.text.script import parse_script
from tts.dia2.voices import folder as voices
from tts.dia2.voices.voice import Voice
from tts.protocol import TextToSpeechError

_MEASURED = 6  # frames: the first warm up

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """A model that is ready, and how it is to speak."""

    dia2: Dia2
    scheduler: Scheduler
    manner: VoiceSettings
    warmed: PrefilledPrefix
    rehearsal: ContextPrefill | None
    """What the next utterance hears besides, if it hears the conversation."""


def prepare(settings: Settings) -> Prepared:
    """Load the model and the voice, and warn if speech is slower than real time here.

    Raises TextToSpeechError.
    """
    try:
        dia2 = Dia2.load(
            settings.model,
            device=settings.device,
            dtype=settings.dtype,
            quantize=settings.quantize == "int8",
            slots=settings.slots,
            guidance=settings.cfg != 1,
            mimi=settings.mimi,
            tokenizer=settings.tokenizer,
        )
        manner = VoiceSettings(
            _sampling(settings), settings.seed, settings.starve, settings.starve_after
        )
        scheduler = Scheduler(dia2)
        voice = None if settings.voice is None else voices.load(settings.voice)
        warmed = scheduler.warm(_opening(dia2, voice), manner)
        rehearsal = None
        if settings.context:
            conversation = ConversationContext(dia2, voice, settings.context)
            rehearsal = ContextPrefill(conversation, scheduler, manner, warmed)
        _warn_if_slow(dia2, _measure(dia2, scheduler.pace, manner.sampling))
    except RuntimeError as error:  # PyTorch's own: no memory, a driver that does not work
        reason = str(error).partition("\n")[0]
        raise TextToSpeechError(f"Dia2 cannot be loaded: {reason}") from error
    return Prepared(dia2, scheduler, manner, warmed, rehearsal)


def frame_seconds(dia2: Dia2, sampling: Sampling, speaking: int = 1) -> float:
    """How long a frame of so many utterances takes here at best: the quickest of a few."""
    config, slots = dia2.config, dia2.model.slots
    stepper, decoder = dia2.stepper(), dia2.decoder
    uniforms = random_numbers(0, config.max_steps, config.codebooks)
    bos = dia2.tokenizer.bos
    taken = []
    for _ in range(speaking):
        # By the reference every step makes audio, from the first one on.
        take = Take(config, bos=bos, uniforms=uniforms, sampling=sampling, reference=True)
        take.machine.add(parse_script("one two three four", dia2.tokenizer))
        take.machine.close()
        taken.append(stepper.admit(take))
    codes = np.zeros((slots, config.codebooks), np.int64)
    active = np.arange(slots) < speaking
    seconds = []
    for _ in range(min(_MEASURED, config.max_steps)):
        begun = time.perf_counter()
        stepper.step()
        decoder.step(codes, active)
        seconds.append(time.perf_counter() - begun)
    for slot in taken:
        stepper.release(slot)
    return min(seconds)


def _measure(dia2: Dia2, pace: Admission, sampling: Sampling) -> float:
    """Tell what a frame takes, of one utterance and of more, up to where it is too much.

    Gives the seconds for one.
    """
    last, first = 0, 0.0
    for speaking in doubling(1, dia2.model.slots):
        seconds = frame_seconds(dia2, sampling, speaking)
        first = first or seconds
        # Where shapes are fixed, those between take what the next larger graph takes.
        between = range(last + 1, speaking) if is_static(dia2.model.device) else ()
        for count in (*between, speaking):
            pace.expect(count, seconds)
        last = speaking
        if not pace.allows(max(2, speaking), 0.0):
            break
    return first


def _sampling(settings: Settings) -> Sampling:
    return Sampling(
        text_temperature=settings.text_temperature,
        text_top_k=settings.text_top_k,
        audio_temperature=settings.audio_temperature,
        audio_top_k=settings.audio_top_k,
        scale=settings.cfg,
    )


def _opening(dia2: Dia2, voice: Voice | None) -> Prefix:
    if voice is None:
        return Prefix.nothing(dia2.config)
    return Prefix(*prompt([voice], dia2.tokenizer, dia2.mimi))


def _warn_if_slow(dia2: Dia2, frame: float) -> None:
    pace = frame * dia2.frame_rate
    if pace <= 1:
        return
    ways = ["an NVIDIA GPU"] if dia2.model.device.type == "cpu" else []
    if isinstance(dia2.model, FastModel) and not dia2.model.quantized:
        ways.append("quantize: int8")
    if dia2.config.decoder.width > 1024:
        ways.append(f"model: {SMALLER}")
    if dia2.model.branches > 1:
        ways.append("cfg: 1")
    _log.warning(
        "Dia2 takes %.1f s or more for a second of speech on this machine (%.0f ms a frame): there "
        "will be gaps; what helps is %s, or another engine, such as espeak",
        pace,
        1000 * frame,
        ", ".join(ways) or "a faster GPU",
    )
