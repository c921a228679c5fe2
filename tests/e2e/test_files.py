"""A whole conversation from file to file, by the real command, with the embedded engines."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.wav import WavWriter, read_audio
from tests.paths import AUDIO

BLOCK, FADE = 0.02, 0.005


def script(path: Path, *parts: str | float) -> Path:
    """A microphone's file: clips by name, and seconds of silence."""
    with WavWriter(path, 16000) as file:
        for part in parts:
            if isinstance(part, str):
                file.write(read_audio(AUDIO / f"{part}.wav")[0])
            else:
                file.write(np.zeros(round(part * 16000), np.float32))
    return path


@dataclass
class Talk:
    events: list[dict[str, Any]]
    speaker: NDArray[np.float32]
    rate: int
    folder: Path
    printed: str

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]


def talk(folder: Path, microphone: Path, *options: str) -> Talk:
    command = [sys.executable, "-m", "agent.cli", "talk", "offline", "--mic", str(microphone)]
    command += ["--speaker", str(folder / "speaker.wav"), "--events", str(folder / "events.jsonl")]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0
    lines = (folder / "events.jsonl").read_text("utf-8").splitlines()
    speaker, rate = read_audio(folder / "speaker.wav")
    return Talk([json.loads(line) for line in lines], speaker, rate, folder, done.stdout)


@pytest.fixture(scope="module")
def barge_in(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """A story is asked for, and interrupted by a question 3.5 s after the asking."""
    folder = tmp_path_factory.mktemp("barge_in")
    microphone = script(
        folder / "microphone.wav", 0.3, "question_weather", 3.5, "interruption_question", 0.2
    )
    return talk(folder, microphone, "--record", str(folder / "record"))


def test_every_word_is_recognised_the_interrupting_ones_too(barge_in: Talk) -> None:
    assert [event["text"] for event in barge_in.of("turn.committed")] == [
        "please tell me a story about the weather in london today",
        "wait what time is it",
    ]


def test_partial_transcripts_come_while_the_user_speaks(barge_in: Talk) -> None:
    stopped = barge_in.of("user.speech_stopped")[0]["t"]
    partials = [e for e in barge_in.of("user.transcript") if not e["final"] and e["t"] < stopped]
    assert len(partials) >= 5


def test_the_interrupted_reply_is_what_was_heard(barge_in: Talk) -> None:
    (interrupted,) = barge_in.of("assistant.interrupted")
    said = "".join(e["delta"] for e in barge_in.of("assistant.text") if e["turn"] == 1)
    heard, unheard = interrupted["heard"].split(), interrupted["unheard"].split()
    assert heard + unheard == said.split()
    assert heard
    assert unheard


def test_the_speaker_is_silent_at_once(barge_in: Talk) -> None:
    (interrupted,) = barge_in.of("assistant.interrupted")
    started = barge_in.of("assistant.speech_started")
    sounding = np.flatnonzero(np.abs(barge_in.speaker) > 1e-4) / barge_in.rate
    first = sounding[0]
    # The log and the file keep the same time; the first sample ties the two together.
    offset = started[0]["t"] - first
    decided = interrupted["t"] - offset
    second = started[1]["t"] - offset
    between = sounding[(sounding > decided) & (sounding < second - 0.05)]
    last = between[-1] if len(between) else decided
    # One block of the speaker and the fade, and what the machine's scheduler adds to a log line.
    assert last - decided <= BLOCK + FADE + 0.03


def test_the_question_that_interrupted_is_answered(barge_in: Talk) -> None:
    (done,) = barge_in.of("assistant.done")
    assert done["turn"] == 2
    assert "time" in done["text"] or ":" in done["text"] or "It is" in done["text"]


def test_the_reply_sounds_and_does_not_clip(barge_in: Talk) -> None:
    assert 0.1 < np.abs(barge_in.speaker).max() < 0.999


def test_the_log_begins_and_ends(barge_in: Talk) -> None:
    types = [event["type"] for event in barge_in.events]
    assert types[0] == "session.started"
    assert types[-1] == "session.ended"
    times = [event["t"] for event in barge_in.events]
    assert times == sorted(times)
    latencies = barge_in.of("turn.latency")
    assert [latency["turn"] for latency in latencies] == [1, 2]
    for latency in latencies:
        # As soon as a whole question is recognised, at the latest after a second (`turn.silence`).
        assert 100 <= latency["endpoint_ms"] < 1300
        assert 100 < latency["total_ms"] < 2500


def test_the_recording_holds_both_sides(barge_in: Talk) -> None:
    import av

    with av.open(str(barge_in.folder / "record" / "conversation.wav")) as file:
        frames: list[NDArray[Any]] = [frame.to_ndarray() for frame in file.decode(audio=0)]
        rate = file.streams.audio[0].codec_context.sample_rate
    user, agent = np.concatenate(frames, axis=1).reshape(-1, 2).T / 32768
    microphone, microphone_rate = read_audio(barge_in.folder / "microphone.wav")
    # The user's side is what the microphone's file holds, from where the session began to hear.
    assert user.std() == pytest.approx(
        microphone.std() * (len(microphone) / microphone_rate * rate / len(user)) ** 0.5, rel=0.1
    )
    # The agent's side is the speaker's file.
    first, second = (
        np.flatnonzero(np.abs(x) > 1e-3)[0] / r
        for x, r in ((agent, rate), (barge_in.speaker, barge_in.rate))
    )
    assert abs(first - second) < 0.2
    text = (barge_in.folder / "record" / "transcript.txt").read_text("utf-8")
    assert [line.split("] ")[1].split(":")[0] for line in text.splitlines()] == [
        "user",
        "agent",
        "user",
        "agent",
    ]


def test_people_see_what_was_said(barge_in: Talk) -> None:
    assert "you: please tell me a story about the weather in london today" in barge_in.printed
    assert "(interrupted)" in barge_in.printed
    assert "you: wait what time is it" in barge_in.printed


@pytest.mark.parametrize(
    ("clips", "turns"),
    [
        (
            ["question_capital"],
            [("what is the capital of france", "The capital of France is Paris.")],
        ),
    ],
)
def test_a_question_is_answered(
    tmp_path: Path, clips: list[str], turns: list[tuple[str, str]]
) -> None:
    conversation = talk(tmp_path, script(tmp_path / "microphone.wav", *clips))
    asked = [event["text"] for event in conversation.of("turn.committed")]
    answered = [event["text"] for event in conversation.of("assistant.done")]
    assert list(zip(asked, answered, strict=True)) == turns


def test_silence_is_no_turn(tmp_path: Path) -> None:
    conversation = talk(tmp_path, script(tmp_path / "microphone.wav", 1.5))
    assert [event["type"] for event in conversation.events] == ["session.started", "session.ended"]
    assert not conversation.speaker.any()
