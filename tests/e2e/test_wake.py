"""An agent that is called: sound cards, the real command, the real wake word engine."""

import signal
from pathlib import Path

import anyio
import numpy as np
import pytest

from tests.agent.wake.spoken import speak
from tests.e2e.test_conversation import CONFIG, RATE, parley_talk
from tests.soundcards import SoundCards, Tape

pytestmark = pytest.mark.anyio

SETTINGS = """
stt: {engine: pocketsphinx}
llm: {adapter: eliza}
wake: {words: [hey parley], timeout: 4}
turn: {complete: 0.4}
"""
"""The recogniser takes the first word of a question for a whole one, and the voice pauses there."""


@pytest.fixture
def anyio_backend() -> str:
    """Real cards take real time."""
    return "asyncio"


async def test_asleep_it_hears_only_its_name_and_then_every_word(
    soundcards: SoundCards, tmp_path: Path
) -> None:
    asleep = await speak("repeat after me, good morning", "en-us+m3")
    breath = await speak("hey parley, what time is it", "en-us")
    name = await speak("hey parley.", "en-us")
    tape = Tape()
    async with (
        parley_talk(tmp_path, soundcards, CONFIG + SETTINGS) as (process, log),
        soundcards.speaker.record(RATE) as recording,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(tape.record, recording)
        await log.until("session.started")
        await anyio.sleep(0.5)
        await soundcards.microphone.play(asleep, 16000)
        await soundcards.microphone.play(breath, 16000)
        await log.until("assistant.done")
        await log.until("wake.asleep")
        heard_from = len(tape.parts)
        await soundcards.microphone.play(name, 16000)
        await log.until("wake.heard")
        await tape.wait(2.0)
        toned = np.concatenate(tape.parts[heard_from:])
        tasks.cancel_scope.cancel()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0

    assert [event["word"] for event in log.of("wake.heard")] == ["hey parley", "hey parley"]
    (asked,) = [event["text"] for event in log.of("turn.committed")]
    # The recogniser mishears what is in between, but not where it begins and ends.
    assert asked.split()[0] == "what"
    assert asked.split()[-1] == "it"
    assert 3 <= len(asked.split()) <= 5
    assert log.of("wake.asleep")[0]["why"] == "4 s without a turn"
    types = [event["type"] for event in log.events]
    assert types.index("wake.heard") < types.index("user.speech_started")
    assert 0.01 < np.abs(toned).max() < 0.2  # the tone, and no words
