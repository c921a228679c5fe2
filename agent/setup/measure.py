"""How fast an engine is on this machine: seconds until its first word or sound, and its pace."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import resample
from agent.audio.wav import read_audio
from agent.config.engines import LLM, STT, TTS, create_llm, create_stt, create_tts
from agent.engines import GuardedLanguageModel, GuardedSpeechToText, GuardedTextToSpeech
from agent.engines.border import OFFLINE
from agent.errors import ParleyError
from agent.setup.downloads import check_cached, check_mirror
from agent.setup.plan import Choice, Plan
from agent.turns.smart_turn import SAMPLE_RATE, SmartTurn
from configs import QUESTION
from llm_adapters import LanguageModelError, Message, TextDelta
from stt import SpeechToTextError
from tts import TextToSpeechError, Utterance

SENTENCE = "Hello, I am Parley. This is how I sound."
"""Spoken by every voice: long enough for a pace, short enough to wait for."""

PROMPT = [
    Message("system", "Answer in one short sentence."),
    Message("user", "What is the capital of France?"),
]


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured: `first` seconds to the first word or sound, and all of it in words."""

    first: float
    text: str
    enough: bool
    """Whether a conversation stays fluent with it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A choice that was loaded and measured, or the reason why it could not be."""

    choice: Choice
    speed: Speed | None
    problem: str = ""


Told = Callable[[str, Tried], None]
"""Told of each part's tries, as they end."""


async def try_out(plan: Plan, mirror: Path | None, tell: Told) -> dict[str, Tried]:
    """Load and measure, for each part, one choice after the other until one is fast enough.

    The last choice of a part is taken however slow it is. What is loaded is closed again. Raises
    ParleyError where none of a part's choices can be used.
    """
    return {
        part: await _first_that_will_do(part, choices, mirror, tell)
        for part, choices in plan.parts()
    }


async def _first_that_will_do(
    part: str, choices: list[Choice], mirror: Path | None, tell: Told
) -> Tried:
    usable: Tried | None = None
    for choice in choices:
        tried = await _try(part, choice, mirror)
        tell(part, tried)
        if tried.speed is None:
            continue
        # Of those that are all too slow the fastest.
        if usable is None or usable.speed is None or tried.speed.first < usable.speed.first:
            usable = tried
        if tried.speed.enough:
            return tried
    if usable is None:
        raise ParleyError(f"nothing can be used for {part}: see what was wrong with each above")
    return usable


async def _try(part: str, choice: Choice, mirror: Path | None) -> Tried:
    """Load and measure one; what fails is its `problem`."""
    try:
        if mirror is not None and choice.downloads:
            await anyio.to_thread.run_sync(check_mirror, mirror, choice.downloads)
            choice = choice.of_mirror(mirror)
        speed = await _MEASURES[part](choice)
        if mirror is None:
            await anyio.to_thread.run_sync(check_cached, choice.downloads)
    except (ParleyError, SpeechToTextError, LanguageModelError, TextToSpeechError) as error:
        return Tried(choice, None, str(error))
    return Tried(choice, speed)


async def _recogniser(choice: Choice) -> Speed:
    """A recorded question of two seconds: how long until its words are known?"""
    stt = GuardedSpeechToText(create_stt(STT.validate(choice.section)), patience=OFFLINE)
    pcm = await anyio.to_thread.run_sync(_question, stt.sample_rate)
    try:
        await stt.load()
        took = 0.0
        for _ in range(2):  # the first time is the slowest
            begun = anyio.current_time()
            async with stt.listen() as recognition:
                await recognition.feed(pcm)
                await recognition.finish()
            took = anyio.current_time() - begun
    finally:
        await stt.aclose()
    length = len(pcm) / stt.sample_rate
    text = f"{took:.2f} s for {length:.1f} s of speech"
    return Speed(took, text, enough=took < 0.35 * length)


async def _language_model(choice: Choice) -> Speed:
    """A short question: how long until the first word, how many fragments a second then?"""
    llm = GuardedLanguageModel(create_llm(LLM.validate(choice.section)))
    try:
        await llm.load()
        await _ask(llm)
        begun = anyio.current_time()
        first, count = await _ask(llm)
        took = anyio.current_time() - begun
    finally:
        await llm.aclose()
    pace = count / max(took - first, 1e-3)
    text = f"first word after {first:.2f} s, {pace:.0f} tokens a second"
    if count < 2 or pace > 1000:
        text = f"first word after {first:.2f} s"
    return Speed(first, text, enough=first < 1.5 and pace > 6)


async def _ask(llm: GuardedLanguageModel) -> tuple[float, int]:
    begun = anyio.current_time()
    first, count = 0.0, 0
    async for item in llm.reply(PROMPT):
        if isinstance(item, TextDelta):
            first = first or anyio.current_time() - begun
            count += 1
    return first, count


async def _voice(choice: Choice) -> Speed:
    """A sentence: how long until its first sound, and how long for a second of it?"""
    tts = GuardedTextToSpeech(create_tts(TTS.validate(choice.section)), patience=OFFLINE)
    try:
        await tts.load()
        first, samples, begun = 0.0, 0, 0.0
        for _ in range(2):  # the first time is the slowest
            first, samples, begun = 0.0, 0, anyio.current_time()
            async with tts.open() as utterance, anyio.create_task_group() as tasks:
                tasks.start_soon(_feed, utterance)
                async for speech in utterance:
                    first = first or anyio.current_time() - begun
                    samples += len(speech.pcm)
        took = anyio.current_time() - begun
        factor = took * tts.sample_rate / max(samples, 1)
    finally:
        await tts.aclose()
    text = f"first sound after {first:.2f} s, {factor:.2f} s for a second of speech"
    return Speed(first, text, enough=factor < 0.7)


async def _feed(utterance: Utterance) -> None:
    await utterance.feed(SENTENCE)
    await utterance.finish()


async def _turn_detector(choice: Choice) -> Speed:
    """The recorded question: how long until it is judged?"""
    if choice.section["detector"] == "words":
        return Speed(0.0, "at once", enough=True)
    model = SmartTurn(**{k: v for k, v in choice.section.items() if k == "model"})
    try:
        await model.load()
        begun = anyio.current_time()
        await model.complete(_question(SAMPLE_RATE))
        took = anyio.current_time() - begun
    finally:
        await model.aclose()
    return Speed(took, f"judges in {took * 1000:.0f} ms", enough=took < 0.15)


_MEASURES = {
    "stt": _recogniser,
    "llm": _language_model,
    "tts": _voice,
    "turn": _turn_detector,
}


def _question(sample_rate: int) -> NDArray[np.float32]:
    """Read the recorded question, mono float32 [n] at `sample_rate` Hz."""
    pcm, rate = read_audio(QUESTION)
    return resample(pcm, rate, sample_rate)
