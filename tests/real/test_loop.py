"""A whole conversation of real models through sound cards, by the real command.

Whisper base hears, SmolLM2 answers, Piper or Kokoro speaks; the user cuts in. What the speaker's
card played is written down by bare faster-whisper, and is what the events say was heard.
"""

import signal
from pathlib import Path

import anyio
import numpy as np
import pytest
import soxr

from tests.assets.corpus import edits
from tests.e2e.test_conversation import parley_talk, say
from tests.real import kit
from tests.real.clips import SAMPLE_RATE, Pcm
from tests.real.conftest import Measured
from tests.real.hearing import bare, even
from tests.real.words import words
from tests.soundcards import SoundCards, Tape

pytestmark = pytest.mark.anyio

RATE = 24000
CONFIG = """
agent: {{instructions: "You are a helpful guide. Answer in three long sentences."}}
microphone: {{latency: 0.05}}
speaker: {{latency: 0.06}}
stt: {{engine: whisper, model: {whisper}, language: en}}
llm: {{adapter: llama, model: {llm}, context: 2048, temperature: 0, max_tokens: 60}}
tts: {voice}
"""
HEARD_S = 2.5
"""Seconds of the reply that are heard before the user cuts in."""


@pytest.fixture
def anyio_backend() -> str:
    """The models are tested, not the loop."""
    return "asyncio"


def voice(engine: str) -> str:
    if engine == "piper":
        return f"{{engine: piper, voice: {kit.piper()}}}"
    return f"{{engine: kokoro, model: {kit.kokoro()}, voice: jf_alpha, language: en-us}}"


def written_down(tape: list[Pcm]) -> list[str]:
    """The words of what was played."""
    pcm = soxr.resample(np.concatenate(tape), RATE, SAMPLE_RATE).astype(np.float32)
    return words(" ".join(bare([even(pcm)])))


@pytest.mark.parametrize("engine", ["piper", "kokoro"])
async def test_the_loop(
    engine: str, soundcards: SoundCards, tmp_path: Path, measured: Measured
) -> None:
    settings = CONFIG.format(whisper=kit.whisper(), llm=kit.language_model(), voice=voice(engine))
    tape = Tape()
    async with (
        parley_talk(tmp_path, soundcards, settings, patience=150) as (process, log),
        soundcards.speaker.record(RATE) as recording,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(tape.record, recording)
        await log.until("session.started")
        await say(soundcards, "question_weather")
        await log.until("assistant.speech_started", turn=1)
        began = len(tape.parts)
        await tape.wait(HEARD_S)
        tasks.start_soon(say, soundcards, "interruption_question")
        await log.until("assistant.interrupted")
        await tape.wait(0.15)  # what the card had taken already
        stopped = len(tape.parts)
        await log.until("assistant.done")
        await tape.wait(0.3)
        tasks.cancel_scope.cancel()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    assert not log.of("error")

    asked = [words(turn["text"]) for turn in log.of("turn.committed")]
    assert edits(words("please tell me a story about the weather in london today"), asked[0]) <= 1
    assert edits(words("wait what time is it"), asked[1]) <= 1

    # What the events say was heard is what the card played: a word may be half heard.
    (interrupted,) = log.of("assistant.interrupted")
    heard, played = words(interrupted["heard"]), written_down(tape.parts[began:stopped])
    assert len(heard) >= 3
    wrong = edits(heard, played)
    measured(
        f"loop with {engine}: heard of the interrupted reply, by its recording",
        f"{wrong} of {len(heard)} words wrong",
        f"{max(2, 0.2 * len(heard)):g}",
    )
    for latency in log.of("turn.latency"):
        measured(
            f"loop with {engine}: speech end to first sound", f"{latency['total_ms']:.0f} ms", "–"
        )
    assert wrong <= max(2, 0.2 * len(heard)), (heard, played)
    done = log.of("assistant.done")[-1]
    reply, played = words(done["text"]), written_down(tape.parts[stopped:])
    assert edits(reply, played) <= max(1, 0.2 * len(reply)), (reply, played)
