"""Two sides on one timeline, to the sample."""

from pathlib import Path

import anyio
import av
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.recorder import Recorder
from agent.events import AssistantDone, AssistantInterrupted, Audio, TurnCommitted

pytestmark = pytest.mark.anyio
RATE = 24000


def read(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as file:
        frames = [frame.to_ndarray() for frame in file.decode(audio=0)]
    pcm: NDArray[np.float32] = np.concatenate(frames, axis=1).reshape(-1, 2).astype(np.float32)
    return pcm / np.float32(32768)


def tone(seconds: float, rate: int, level: float = 0.5) -> NDArray[np.float32]:
    return np.full(round(seconds * rate), level, np.float32)


async def test_both_sides_lie_where_their_times_say(tmp_path: Path) -> None:
    with Recorder(tmp_path, RATE) as recorder:
        start = anyio.current_time()
        for n in range(100):  # two seconds of each, the agent's 0.5 s later
            recorder.user(Audio(tone(0.02, 16000, 0.25), 16000, start + 0.02 * n))
        for n in range(100):
            recorder.agent(Audio(tone(0.02, RATE), RATE, start + 0.5 + 0.02 * n))
    user, agent = read(tmp_path / "conversation.wav").T
    assert len(user) == pytest.approx(2.5 * RATE, abs=0.01 * RATE)
    assert np.flatnonzero(agent > 0.4)[0] == pytest.approx(0.5 * RATE, abs=0.01 * RATE)
    assert np.count_nonzero(agent > 0.4) == 2 * RATE
    assert np.flatnonzero(user > 0.2)[-1] == pytest.approx(2 * RATE, abs=0.01 * RATE)


async def test_jitter_is_not_a_gap_and_a_gap_is_silence(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    with Recorder(tmp_path, RATE) as recorder:
        start = anyio.current_time()
        for n in range(50):
            late = float(generator.uniform(-0.01, 0.01))
            recorder.agent(Audio(tone(0.02, RATE), RATE, start + 0.02 * n + late + 0.02))
        for n in range(50):  # unplugged for a second
            recorder.agent(Audio(tone(0.02, RATE), RATE, start + 2 + 0.02 * n))
    agent = read(tmp_path / "conversation.wav")[:, 1]
    edges = np.flatnonzero(np.diff((agent > 0.4).astype(int)))
    assert len(edges) == 3  # begins, stops, begins again: no hole inside
    assert (edges[2] - edges[1]) / RATE == pytest.approx(1.0, abs=0.06)


async def test_a_side_that_is_gone_does_not_hold_back_the_other(tmp_path: Path) -> None:
    with Recorder(tmp_path, RATE) as recorder:
        start = anyio.current_time()
        for n in range(500):
            recorder.agent(Audio(tone(0.02, RATE), RATE, start + 0.02 * n))
        assert len(read(tmp_path / "conversation.wav")) >= 7 * RATE


async def test_the_transcript_tells_who_said_what(tmp_path: Path) -> None:
    with Recorder(tmp_path, RATE) as recorder:
        recorder.event(TurnCommitted(1, "hello"))
        recorder.event(AssistantInterrupted(1, "Good", "morning."))
        recorder.event(AssistantDone(2, "Fine."))
    lines = (tmp_path / "transcript.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("] ", 1)[1] for line in lines] == [
        "user: hello",
        "agent: Good [interrupted]",
        "agent: Fine.",
    ]
