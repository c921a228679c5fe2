"""A whole conversation through real sound cards, by the real command.

Speech is played into the microphone's card, the voice is recorded from the speaker's, and the
event log, read as it is written, says when to go on.
"""

import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from agent.audio.wav import read_audio
from tests.paths import AUDIO
from tests.soundcards import SoundCards, Tape

pytestmark = pytest.mark.anyio

RATE = 24000
CONFIG = """
microphone: {latency: 0.05}
speaker: {latency: 0.06}
"""


@pytest.fixture
def anyio_backend() -> str:
    """One real conversation is enough: the engines and devices are tested on both backends."""
    return "asyncio"


class Log:
    """The events of a running `parley talk`, as they are written."""

    def __init__(self, lines: AsyncGenerator[str, None]) -> None:
        self.events: list[dict[str, Any]] = []
        self._lines = lines

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Read on to the next event of that kind with those fields."""
        async for line in self._lines:
            event: dict[str, Any] = json.loads(line)
            self.events.append(event)
            if event["type"] == kind and fields.items() <= event.items():
                return event
        raise EOFError(f"the log ended before {kind} {fields}: {self.events[-5:]}")

    async def to_the_end(self) -> None:
        """Read what is left."""
        self.events += [json.loads(line) async for line in self._lines]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]


@asynccontextmanager
async def parley_talk(
    folder: Path, cards: SoundCards, settings: str = CONFIG, patience: float = 60
) -> AsyncGenerator[tuple[Process, Log], None]:
    """`parley talk` on the sound cards, for the length of a block of at most `patience` seconds."""
    fifo, config = folder / "events", folder / "agent.yaml"
    os.mkfifo(fifo)
    config.write_text(settings)
    command = [sys.executable, "-m", "agent.cli", "talk", str(config), "--events", str(fifo)]
    environment = {**os.environ, **cards.environment}
    with anyio.fail_after(patience):
        async with (
            await anyio.open_process(["cat", str(fifo)], stderr=None) as events,
            await anyio.open_process(command, env=environment, stderr=None) as process,
        ):
            assert events.stdout is not None
            log = Log(lines(TextReceiveStream(events.stdout)))
            yield process, log
            await log.to_the_end()
            await process.wait()


async def lines(stream: TextReceiveStream) -> AsyncGenerator[str, None]:
    rest = ""
    async for text in stream:
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            yield line


async def say(cards: SoundCards, clip: str) -> None:
    pcm, rate = read_audio(AUDIO / f"{clip}.wav")
    await cards.microphone.play(pcm, rate)


def word_errors(said: str, heard: str) -> float:
    """The word error rate (Levenshtein distance by words over the words said)."""
    a, b = said.split(), heard.split()
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            best = min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
            diagonal, row[j] = row[j], best
    return row[-1] / len(a)


def test_word_errors() -> None:
    assert word_errors("a b c d", "a b c d") == 0
    assert word_errors("a b c d", "a x c") == 0.5
    assert word_errors("a b", "") == 1


async def test_a_conversation(soundcards: SoundCards, tmp_path: Path) -> None:
    tape = Tape()
    parts = tape.parts
    async with (
        parley_talk(tmp_path, soundcards) as (process, log),
        soundcards.speaker.record(RATE) as recording,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(tape.record, recording)
        await log.until("session.started")
        await say(soundcards, "question_capital")
        await log.until("assistant.done", turn=1)
        reply = np.concatenate(parts)

        await say(soundcards, "question_weather")
        await log.until("assistant.speech_started", turn=2)
        heard_from = len(parts)
        await tape.wait(1.5)  # the scenario: the story is heard for a while
        tasks.start_soon(say, soundcards, "interruption_question")
        await log.until("assistant.interrupted")
        silent_from = len(parts)
        await log.until("turn.committed", turn=3)
        silence_until = len(parts)
        await log.until("assistant.done", turn=3)
        tasks.cancel_scope.cancel()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0

    # What was said was understood, and answered.
    turns = log.of("turn.committed")
    said = [
        "what is the capital of france",
        "please tell me a story about the weather in london today",
        "wait what time is it",
    ]
    assert [turn["turn"] for turn in turns] == [1, 2, 3]
    assert [word_errors(*pair) for pair in zip(said, [t["text"] for t in turns], strict=True)] == (
        pytest.approx([0, 0, 0], abs=0.21)
    )
    assert log.of("assistant.done")[0]["text"] == "The capital of France is Paris."
    assert log.of("assistant.done")[1]["text"].startswith("It is ")

    # It was really heard: about as long as espeak takes for it, and not clipped.
    loud = np.flatnonzero(np.abs(reply) > 0.01)
    assert 1.2 < (loud[-1] - loud[0]) / RATE < 2.5
    assert 0.1 < np.abs(reply).max() < 0.999

    # Barge-in: loud before, silent between the decision and the next answer, but for what the
    # card had taken already (its 60 ms and the recorder's 20 ms, to blocks of 50 ms).
    before = np.concatenate(parts[heard_from:silent_from])
    between = np.concatenate(parts[silent_from + 4 : silence_until])
    assert np.abs(before).max() > 0.1
    assert len(between) > 0.3 * RATE
    assert np.abs(between).max() < 0.001

    # History: the words that were heard, no more.
    (interrupted,) = log.of("assistant.interrupted")
    story = "".join(e["delta"] for e in log.of("assistant.text") if e["turn"] == 2)
    assert f"{interrupted['heard']} {interrupted['unheard']}" == " ".join(story.split())
    assert 1 <= len(interrupted["heard"].split()) <= 12

    late_blocks = [e for e in log.of("warning") if e["code"].endswith(".xrun")]
    assert log.of("warning") == late_blocks  # on a busy machine
    assert not log.of("error")
    assert log.events[-1] == {**log.events[-1], "type": "session.ended", "reason": "cancelled"}


async def test_the_session_survives_unplugging(soundcards: SoundCards, tmp_path: Path) -> None:
    # What is said within the first half second of the agent's voice ever may still be an echo.
    async with parley_talk(tmp_path, soundcards, f"echo: off\n{CONFIG}") as (process, log):
        await log.until("session.started")
        await say(soundcards, "question_weather")
        await log.until("assistant.speech_started", turn=1)
        soundcards.speaker.unplug()
        await log.until("warning", code="speaker.lost")
        soundcards.speaker.plug()
        await log.until("warning", code="speaker.back")
        await say(soundcards, "interruption_question")
        await log.until("assistant.done", turn=2)
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert log.of("assistant.interrupted")[0]["heard"]
    assert log.of("assistant.done")[0]["text"].startswith("It is ")
