"""Real words through Whisper in the live loop: `parley talk` from file to file."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.wav import WavWriter, read_audio
from tests.assets.corpus import TRAINED, edits, recombined
from tests.assets.listening import no_speech, with_noise
from tests.assets.speech import SAMPLE_RATE, render_all
from tests.llm_adapters.chat_server import ChatServer, serving
from tests.paths import ASSETS, AUDIO

MODEL = ASSETS / "tiny_whisper"
CONFIG = """
stt: {{engine: whisper, model: {model}, device: cpu}}
llm: {{adapter: openai, base_url: "{url}", model: good, api_key: none}}
tts: {{engine: espeak}}
"""
GAP = 2.6
"""Seconds between two utterances: time for the end of a turn and a short reply."""


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with serving() as running:
        yield running


def talk(folder: Path, server: ChatServer, *sounds: NDArray[np.float32]) -> list[dict[str, Any]]:
    """The events of a conversation in which the user says this, one after the other."""
    microphone, events = folder / "microphone.wav", folder / "events.jsonl"
    with WavWriter(microphone, SAMPLE_RATE) as file:
        file.write(np.zeros(SAMPLE_RATE // 2, np.float32))
        for pcm in sounds:
            file.write(pcm)
            file.write(np.zeros(round(GAP * SAMPLE_RATE), np.float32))
    config = folder / "agent.yaml"
    config.write_text(CONFIG.format(model=MODEL, url=server.url))
    command = [sys.executable, "-m", "agent.cli", "talk", str(config), "--mic", str(microphone)]
    command += ["--speaker", str(folder / "speaker.wav"), "--events", str(events)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in events.read_text("utf-8").splitlines()]


def understood(events: list[dict[str, Any]]) -> list[str]:
    """What the user said, turn by turn."""
    return [event["text"] for event in events if event["type"] == "turn.committed"]


def clip(name: str) -> NDArray[np.float32]:
    return read_audio(AUDIO / f"{name}.wav")[0]


@pytest.mark.parametrize(
    ("name", "snr", "bar"), [("trained", None, 0.01), ("recombined", 20, 0.04)]
)
def test_word_error_rate(
    tmp_path: Path, server: ChatServer, name: str, snr: float | None, bar: float
) -> None:
    """Renderings that were not trained; sentences that were not."""
    sentences = TRAINED[10::80] if name == "trained" else recombined("test")[::2]
    random = np.random.default_rng(4)
    sounds = []
    for speech in render_all(sentences, seed=4):
        pcm: NDArray[np.float32] = speech.pcm.astype(np.float32) / np.float32(32768)
        sounds.append(pcm if snr is None else with_noise(pcm, snr, random))
    said = " ".join(sentences).split()
    turns = understood(talk(tmp_path, server, *sounds))
    assert edits(said, " ".join(turns).split()) / len(said) <= bar, turns


def test_a_conversation_with_noise_in_between(tmp_path: Path, server: ChatServer) -> None:
    random = np.random.default_rng(6)
    events = talk(
        tmp_path,
        server,
        clip("pause_0.8"),
        no_speech(random, 2.0, "notes"),
        clip("question_capital"),
        no_speech(random, 2.0, "fan"),
        no_speech(random, 2.0, "keys"),
    )
    assert understood(events) == [
        "i would like to order a large pizza with mushrooms",
        "what is the capital of france",
    ]
    partials = [e["text"] for e in events if e["type"] == "user.transcript" and not e["final"]]
    assert any(text.startswith("i would like") for text in partials)
    assert not [event for event in events if event["type"] == "error"]
    latencies = [event for event in events if event["type"] == "turn.latency"]
    assert len(latencies) == 2
