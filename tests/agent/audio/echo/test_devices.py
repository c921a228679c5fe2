"""The echo on (virtual) sound cards, in real time: what the speaker plays is in the microphone."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import numpy as np
import pytest

from agent.audio.echo.stage import START_BARGE_IN, EchoStage
from agent.audio.microphone import DeviceMicrophone
from agent.audio.speaker import DeviceSpeaker
from agent.audio.tap import Tap
from agent.config.sections import MicrophoneSettings, SpeakerSettings
from agent.events import MICROPHONE_RATE, Audio
from agent.graph import Graph
from tests.agent.audio.echo.test_room import agent_speech, clip, probabilities
from tests.soundcards import Reports, SoundCards

pytestmark = pytest.mark.anyio

RATE = 24000
LATENCY = 0.1
HALF = 52057  # PulseAudio's volume for -6 dB


@pytest.fixture
def anyio_backend() -> str:
    """Real cards take real time, and the stage is tested on both elsewhere."""
    return "asyncio"


@asynccontextmanager
async def air(cards: SoundCards) -> AsyncGenerator[None, None]:
    """What the speaker plays is heard by the microphone, 6 dB softer and about 60 ms later."""
    options = ["--raw", "--format=float32le", "--channels=1", "--rate=48000", "--latency-msec=20"]
    server = f"--server={cards.speaker.server}"
    device = f"--device={cards.speaker.name}.monitor"
    reader, writer = os.pipe()
    ear = ["pacat", "--record", server, device, *options]
    mouth = ["pacat", "--playback", f"--server={cards.microphone.server}", f"--volume={HALF}"]
    async with (
        await anyio.open_process(ear, stdout=writer, stderr=None) as recording,
        await anyio.open_process([*mouth, *options], stdin=reader, stderr=None) as playing,
    ):
        os.close(reader)
        os.close(writer)
        try:
            yield
        finally:
            recording.terminate()
            playing.terminate()


class Channel:
    """What passed, on the timeline that begins at `begin`."""

    def __init__(self, begin: float, seconds: float) -> None:
        self.pcm = np.zeros(round(seconds * MICROPHONE_RATE), np.float32)
        self._begin = begin
        self._waiting: list[tuple[float, anyio.Event]] = []

    def __call__(self, block: Audio) -> None:
        assert block.time is not None
        for end, passed in self._waiting:
            if block.time >= self._begin + end:
                passed.set()
        at = round((block.time - self._begin) * MICROPHONE_RATE)
        part = self.pcm[max(at, 0) : max(at + len(block.pcm), 0)]
        part[:] = block.pcm[max(-at, 0) :][: len(part)]

    async def until(self, end: float) -> None:
        """Return once the block `end` seconds after the beginning has passed."""
        passed = anyio.Event()
        self._waiting.append((end, passed))
        await passed.wait()

    def power(self, start: float, end: float) -> float:
        part = self.pcm[round(start * MICROPHONE_RATE) : round(end * MICROPHONE_RATE)]
        return float(10 * np.log10(np.mean(np.square(part)) + 1e-12))


async def test_the_agent_is_not_heard_and_the_user_is(soundcards: SoundCards) -> None:
    seconds, spoken = 11.0, 7.0  # the agent speaks all the time, the user towards the end
    reports = Reports()
    speaker = DeviceSpeaker(SpeakerSettings(latency=LATENCY), reports)
    microphone = DeviceMicrophone(MicrophoneSettings(latency=LATENCY), reports)
    with anyio.fail_after(60):
        async with air(soundcards), anyio.create_task_group() as tasks:
            await tasks.start(speaker.run)
            begin = anyio.current_time()
            raw, cleaned = Channel(begin, seconds), Channel(begin, seconds)
            echo = EchoStage("auto", speaker.playback, reports)
            graph = Graph(microphone).then(Tap(raw)).then(echo).then(Tap(cleaned))
            async with graph.open(buffer=5000):
                track = speaker.playback.open(RATE)
                tasks.start_soon(track.write, agent_speech(seconds))
                await raw.until(spoken)
                await soundcards.microphone.play(clip("question_weather", -20), MICROPHONE_RATE)
                await cleaned.until(seconds + 0.5)
            tasks.cancel_scope.cancel()
    # A busy computer lets the cards run dry now and then: the median does not mind.
    starts = np.arange(3, spoken, 0.5)
    erle = float(np.median([raw.power(t, t + 0.5) - cleaned.power(t, t + 0.5) for t in starts]))
    windows = await probabilities(cleaned.pcm)
    alone, both = windows[: int(spoken / 0.032)], windows[int(spoken / 0.032) :]
    print(
        f"ERLE {erle:.1f} dB, {reports.messages}, heard: {np.sum(both >= START_BARGE_IN)} windows"
    )
    assert "echo.cancel" in reports.codes
    assert raw.power(3, spoken) > -40  # the echo was there
    assert erle > 20
    assert np.mean(alone >= START_BARGE_IN) < 0.05
    assert np.sum(both >= START_BARGE_IN) * 0.032 > 0.3  # seconds of the user's voice
