"""Dia2 in real conversations: a tiny random checkpoint behind the whole of Parley.

What it says is noise, and every word of it is at its place: that is what can be checked.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.wav import WavWriter, read_audio
from agent.config.load import load_config
from agent.conversation.spoken import heard_words
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantSpeechStarted,
    AssistantText,
    Audio,
    ErrorEvent,
    Event,
)
from agent.graph import Graph
from tests.agent.fakes import FakeStt, LoudnessVad, Scripted
from tests.soundcards import SoundCards
from tests.tts.dia2.serving.utterances import checkpoint
from tts import SpokenWord
from tts.dia2.dia2 import Dia2

pytestmark = pytest.mark.anyio

RATE = 24000
CONFIG = """
agent: {{greeting: ""}}
echo: off
llm: {{adapter: eliza}}
tts: {{engine: dia2, model: {model}, device: cpu, seed: 7, starve: hold}}
"""


@pytest.fixture
def anyio_backend() -> str:
    """In real time, once: the engine is tested on both backends."""
    return "asyncio"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "tiny", codebooks=4, max_steps=1500)


@pytest.fixture
def config(model: Path, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG.format(model=model))
    return path


class Interrupting:
    """A user who asks, listens for a second and a half, and interrupts: however slow the voice."""

    def __init__(self) -> None:
        self.heard = 0

    def hear(self, item: Event | Audio) -> None:
        """What the agent does."""
        if isinstance(item, Audio) and item.pcm.any():
            self.heard += len(item.pcm)

    async def __call__(
        self, receive: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        await Scripted([(0.3, False), (0.5, True)])(receive, send)
        while self.heard < 1.5 * RATE:
            await Scripted([(0.1, False)])(receive, send)
        await Scripted([(0.5, True), (1.0, False)])(receive, send)


async def test_a_conversation_with_barge_in(config: Path, model: Path) -> None:
    said: list[str | list[str] | Exception] = [
        "please tell me a story about the weather in london today",
        "what time is it",
    ]
    microphone = Interrupting()
    engines: dict[str, Any] = {"stt": FakeStt(said), "vad": LoudnessVad()}
    items: list[Event | Audio] = []
    with anyio.fail_after(60):
        async with (
            Agent.open(load_config(str(config)), **engines) as agent,
            Graph(microphone, name="microphone").then(agent).open() as (_, out),
        ):
            async for item in out:
                items.append(item)
                microphone.hear(item)
    events = [item for item in items if isinstance(item, Event)]
    assert not [event for event in events if isinstance(event, ErrorEvent)]
    assert sum(isinstance(event, AssistantSpeechStarted) for event in events) == 2
    (interrupted,) = [event for event in events if isinstance(event, AssistantInterrupted)]
    (done,) = [event for event in events if isinstance(event, AssistantDone)]

    # Every word of the reply was heard, or was not.
    reply = "".join(e.delta for e in events if isinstance(e, AssistantText) and e.turn == 1)
    assert f"{interrupted.heard} {interrupted.unheard}".strip() == " ".join(reply.split())
    assert interrupted.heard
    assert interrupted.unheard

    # And what counts as heard is what left the speaker.
    whole = Dia2.load(model, device="cpu").generate(reply, seed=7)
    words = [SpokenWord(text, round(RATE * seconds)) for text, seconds in whole.words]
    stop = items.index(interrupted)
    blocks = [item.pcm for item in items[:stop] if isinstance(item, Audio)]
    played = int(np.count_nonzero(np.concatenate(blocks)))
    # Fades count a little differently: at the start, at the end, and at gaps.
    expected = {
        len(heard_words(words, played + n, len(whole.waveform), RATE)) for n in range(-2000, 500)
    }
    assert len(interrupted.heard.split()) in expected

    # The answer to the interruption is spoken to its end.
    assert done.text.startswith("It is ")
    answer = np.concatenate([i.pcm for i in items[stop + 1 :] if isinstance(i, Audio)])
    assert np.count_nonzero(answer) > 2 * RATE


TEXT = "This is spoken while it is typed: the first words (laughs) come before the last are there."


async def test_it_speaks_while_it_is_typed(
    soundcards: SoundCards, config: Path, model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.wav"
    command = [sys.executable, "-m", "agent.cli", "say", "-", "--tts", "dia2"]
    command += ["--config", str(config), "--speaker", "virtual_speaker", "-o", str(output)]
    environment = {**os.environ, **soundcards.environment}
    with anyio.fail_after(60):
        async with (
            await anyio.open_process(command, env=environment, stderr=None) as process,
            soundcards.speaker.record(RATE) as recording,
        ):
            assert process.stdin is not None
            await process.stdin.send(TEXT[:60].encode())
            while np.abs(await recording.read(0.05)).max() < 0.02:
                pass  # it is heard before the text has ended
            await process.stdin.send(TEXT[60:].encode())
            await process.stdin.aclose()
            while process.returncode is None:
                await recording.read(0.05)
                with anyio.move_on_after(0):
                    await process.wait()
    assert process.returncode == 0
    # Not a sample is other than if the whole text had been there.
    assert_same(output, Dia2.load(model, device="cpu").generate(TEXT, seed=7).waveform)


def test_a_text_into_a_file(config: Path, model: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.wav"
    command = [sys.executable, "-m", "agent.cli", "say", TEXT, "--config", str(config)]
    subprocess.run([*command, "-o", str(output)], check=True, timeout=60)
    assert_same(output, Dia2.load(model, device="cpu").generate(TEXT, seed=7).waveform)


def assert_same(file: Path, waveform: NDArray[np.float32]) -> None:
    """The file holds `waveform`, in 16 bit."""
    pcm, rate = read_audio(file)
    assert rate == RATE
    assert len(pcm) == len(waveform)
    assert np.abs(pcm - waveform).max() < 1e-4 + 2 / 32768


HOUSE = """
echo: off
llm: {{adapter: eliza}}
tts: {{engine: dia2, model: {model}, device: cpu, starve: hold}}
agents: {{anna: {{}}, ben: {{}}}}
dialogue: {{topic: tea, turns: 2}}
"""


def test_two_agents_talk_on_the_two_speakers_of_one_engine(model: Path, tmp_path: Path) -> None:
    house, heard = tmp_path / "house.yaml", tmp_path / "heard.wav"
    house.write_text(HOUSE.format(model=model))
    with WavWriter(tmp_path / "mic.wav", 16000) as mic:
        mic.write(np.zeros(20 * 16000, np.float32))
    command = [sys.executable, "-m", "agent.cli", "talk", str(house), "--speaker", str(heard)]
    command += ["--mic", str(tmp_path / "mic.wav"), "--events", str(tmp_path / "events")]
    done = subprocess.run(command, check=True, timeout=90, capture_output=True, text=True)
    (loaded,) = [line for line in done.stdout.splitlines() if line.startswith("loaded:")]
    assert loaded.count("tts") == 1
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    said = [event["text"] for event in events if event["type"] == "assistant.done"]
    pcm, engine = read_audio(heard)[0], Dia2.load(model, device="cpu")
    for tag, other, text in zip(("[S1]", "[S2]"), ("[S2]", "[S1]"), said, strict=True):
        mine, its = (engine.generate(f"{t} {text}", seed=0).waveform for t in (tag, other))
        # A second of it: a busy computer may leave gaps later.
        assert likeness(pcm, mine[:RATE]) > 0.99
        assert likeness(pcm, its[:RATE]) < 0.9


def likeness(whole: NDArray[np.float32], part: NDArray[np.float32]) -> float:
    """How much the part of `whole` that is most like `part` is like it, 1 for the same."""
    size = len(whole) + len(part)
    both = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
    start = int(np.argmax(both[: len(whole) - len(part)]))
    found = whole[start : start + len(part)]
    return float(found @ part / (np.linalg.norm(found) * np.linalg.norm(part)))
