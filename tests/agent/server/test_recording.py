"""Recordings of the server's sessions: only where the YAML says so, and what was really heard."""

import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from trio.testing import MockClock

from agent.events import nobody
from agent.server.recording import recorded
from tests.agent.server.realtime.served import STORY, an_agent, connected

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def test_both_sides_as_they_are_heard_though_the_agents_is_sent_ahead(tmp_path: Path) -> None:
    with recorded(str(tmp_path), "realtime-1", 24000, nobody) as recording:
        agent = an_agent([STORY, ["Yes."]], ["a story", "stop it now please"])
        async with connected(agent, recording=recording) as client:
            # A story of four seconds, cut in upon 1.6 s after it was begun, and an answer.
            await client.speak((1, False), (0.5, True), (2.2, False), (0.8, True), (3, False))
            await client.until("response.done", 2)
            await anyio.sleep(2)
    check(tmp_path)


def check(recordings: Path) -> None:
    """A story was cut in upon at 3.7 s."""
    (folder,) = recordings.iterdir()
    assert folder.name.endswith("-realtime-1")
    assert folder.stat().st_mode & 0o777 == 0o700
    transcript = (folder / "transcript.txt").read_text("utf-8")
    assert [line.partition("] ")[2].partition(":")[0] for line in transcript.splitlines()] == [
        "user",
        "agent",
        "user",
        "agent",
    ]
    assert "[interrupted]" in transcript
    user, agent_side = channels(folder / "conversation.wav")
    assert spans(user) == pytest.approx([1.0, 1.5, 3.7, 4.5], abs=0.1)
    begun, cut, again, _ = spans(agent_side)
    assert 1.5 < begun < 2.6
    assert 3.7 < cut < 4.4, "what was sent and never heard is not there"
    assert again > 4.5


def test_no_folder_no_recording(tmp_path: Path) -> None:
    with recorded(None, "realtime-1", 24000, nobody) as recording:
        assert recording is None
    assert not list(tmp_path.iterdir())


def channels(path: Path) -> tuple[Any, Any]:
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 2
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        rate = file.getframerate()
    step = rate // 50
    loud = [np.abs(pcm[i : i + step]).max(axis=0) > 300 for i in range(0, len(pcm) - step, step)]
    return [bool(each[0]) for each in loud], [bool(each[1]) for each in loud]


def spans(loud: list[bool]) -> list[float]:
    """Seconds at which sound begins and ends, in turn; gaps below half a second are none."""
    times = [index * 0.02 for index, each in enumerate(loud) if each]
    edges = [times[0]]
    for before, after in pairwise(times):
        if after - before > 0.5:
            edges += [before + 0.02, after]
    return [*edges, times[-1] + 0.02]
