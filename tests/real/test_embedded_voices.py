"""Conversations in German and Spanish with espeak on both sides, through sound cards.

Whisper base writes little of some of espeak's sentences, whoever asks it to: what it makes of them
by itself, of the very sound, is the bar. Both sides say sentences that it does know.
"""

import signal
from collections.abc import Sequence
from pathlib import Path

import anyio
import numpy as np
import pytest
import soxr

from agent.testing.inline import spoken as made
from tests.assets.corpus import edits
from tests.e2e.test_conversation import parley_talk
from tests.llm_adapters import chat_server
from tests.real import kit
from tests.real.clips import SAMPLE_RATE, Pcm
from tests.real.conftest import Measured
from tests.real.hearing import bare, even, level
from tests.real.words import letters
from tests.soundcards import SoundCards, Tape
from tts.espeak.engine import Espeak

pytestmark = pytest.mark.anyio

RATE = 24000
CONFIG = """
language: {language}
microphone: {{latency: 0.05}}
speaker: {{latency: 0.06}}
stt: {{engine: whisper, model: {whisper}}}
llm: {{adapter: openai, base_url: '{url}', model: {language}, api_key: none}}
"""
SAID = {
    "de": (
        "Hallo, wie geht es dir heute?",
        "Was ist die Hauptstadt von Frankreich?",
        "Vielen Dank, bis später.",
    ),
    "es": (
        "Cuéntame una historia corta, por favor.",
        "¿Cuál es la capital de Francia?",
        "Muchas gracias, hasta luego.",
    ),
}
ANSWERED = {
    "de": "Die Hauptstadt von Frankreich ist Paris.",
    "es": "La capital de Francia es muy bonita.",
}
BAR = 10.0
"""Letters in a hundred that may be wrong besides those that Whisper has wrong by itself."""


@pytest.fixture
def anyio_backend() -> str:
    """The models are tested, not the loop."""
    return "asyncio"


async def in_voice(language: str, texts: Sequence[str]) -> list[Pcm]:
    """What espeak says, as a microphone has it."""
    espeak = Espeak(voice=f"{language}+m3")
    await espeak.load()
    sounds = [np.concatenate([each.pcm for each in await made(espeak, text)]) for text in texts]
    return [
        level(soxr.resample(pcm, espeak.sample_rate, SAMPLE_RATE).astype(np.float32))
        for pcm in sounds
    ]


def wrong(said: list[str], heard: list[str]) -> float:
    """Letters in a hundred."""
    one, other = letters("".join(said)), letters("".join(heard))
    return 100 * edits(one, other) / len(one)


@pytest.mark.parametrize("language", SAID)
async def test_a_conversation(
    language: str,
    soundcards: SoundCards,
    tmp_path: Path,
    measured: Measured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(x: chat_server.Exchange) -> None:
        await x.start()
        await x.say(ANSWERED[language])
        await x.end()

    monkeypatch.setitem(chat_server.BEHAVIOURS, language, answer)
    said, tape = SAID[language], Tape()
    sounds = await in_voice(language, said)
    with chat_server.serving() as server:
        settings = CONFIG.format(language=language, whisper=kit.whisper(), url=server.url)
        async with (
            parley_talk(tmp_path, soundcards, settings, patience=150) as (process, log),
            soundcards.speaker.record(RATE) as recording,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(tape.record, recording)
            await log.until("session.started")
            answers = []
            for sound in sounds:
                await soundcards.microphone.play(sound, SAMPLE_RATE)
                began = len(tape.parts)
                await log.until("assistant.done")
                await tape.wait(0.3)
                answers.append(np.concatenate(tape.parts[began:]))
            tasks.cancel_scope.cancel()
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    assert not log.of("error")

    turns = log.of("turn.committed")
    heard = [turn["text"] for turn in turns]
    assert len(turns) == len(said), heard
    alone = wrong([*said], bare(sounds, language))
    found = wrong([*said], heard)
    measured(f"{language}, espeak's letters wrong, live", f"{found:.1f} %", f"{alone + BAR:.1f} %")
    assert found <= alone + BAR, heard

    # The agent answers in its voice for the language: what its card played is written down.
    assert [done["text"] for done in log.of("assistant.done")] == [ANSWERED[language]] * len(said)
    heard = [soxr.resample(pcm, RATE, SAMPLE_RATE).astype(np.float32) for pcm in answers]
    played = bare([even(pcm) for pcm in heard], language)
    spoken = [ANSWERED[language]] * len(said)
    alone = wrong(spoken, bare(await in_voice(language, spoken), language))
    found = wrong(spoken, played)
    measured(f"{language}, the agent's letters wrong", f"{found:.1f} %", f"{alone + BAR:.1f} %")
    assert found <= alone + BAR, played
