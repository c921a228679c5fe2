"""What is understood: by Parley's command, in its live loop, and by bare faster-whisper."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import av
import numpy as np
from anyio.from_thread import start_blocking_portal
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from av.filter import Graph as FilterGraph

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.audio.wav import WavWriter
from agent.config.load import Config
from agent.events import Audio, Event
from bench.full_duplex.engines import InlineVad
from bench.turn_end import Inline
from stt.whisper import Whisper
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeTts
from tests.assets.listening import coloured
from tests.real import kit
from tests.real.clips import SAMPLE_RATE, Pcm

LEVEL = 0.05
"""Root mean square of speech, as a microphone near the mouth has it."""
GAP_S = 1.8
"""Silence between two utterances: time for the turn's end and a reply of one word."""
DECODING_S = 0.3
"""What a decoding takes on two quiet processors, or less."""


def level(pcm: Pcm) -> Pcm:
    """The same at `LEVEL`, or as near as fits."""
    loud = pcm[np.abs(pcm) > 0.02 * np.abs(pcm).max()]
    gain = min(LEVEL / float(np.sqrt(np.mean(loud**2))), 0.99 / float(np.abs(pcm).max()))
    return (pcm * np.float32(gain)).astype(np.float32)


def even(pcm: Pcm) -> Pcm:
    """The same, as loud where it was softer: Whisper writes nothing of an end that is ducked."""
    window = np.hanning(round(0.8 * SAMPLE_RATE)).astype(np.float32)
    loudness = np.sqrt(np.convolve(pcm**2, window / window.sum(), "same"))
    return (pcm * LEVEL / (loudness + 0.003)).astype(np.float32)


def silence(seconds: float) -> Pcm:
    """No sound: 0."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def faster(pcm: Pcm, factor: float) -> Pcm:
    """Spoken faster, at the same pitch (FFmpeg's atempo)."""
    graph = FilterGraph()
    begin = graph.add_abuffer(format="fltp", sample_rate=SAMPLE_RATE, layout="mono")
    tempo, end = graph.add("atempo", str(factor)), graph.add("abuffersink")
    begin.link_to(tempo)
    tempo.link_to(end)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(pcm[None], format="fltp", layout="mono")
    frame.sample_rate = SAMPLE_RATE
    graph.push(frame)
    graph.push(None)
    parts = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray()[0])
        except (av.error.EOFError, av.error.BlockingIOError):
            return np.concatenate(parts).astype(np.float32)


def noisy(pcm: Pcm, snr: float, seed: int) -> Pcm:
    """With pink noise, so many decibels below `LEVEL`."""
    noise = coloured(len(pcm), 1.0, np.random.default_rng(seed))
    return pcm + noise * np.float32(LEVEL * 10 ** (-snr / 20))


def write(path: Path, pcm: Pcm) -> Path:
    """Write a WAV."""
    with WavWriter(path, SAMPLE_RATE) as file:
        file.write(pcm)
    return path


def transcribe(folder: Path, sounds: Sequence[Pcm], stt: str = "language: en") -> list[str]:
    """What `parley transcribe` prints of each, by the real command."""
    config = folder / "agent.yaml"
    config.write_text(f"stt: {{engine: whisper, model: {kit.whisper()}, {stt}}}\n")
    paths = [str(write(folder / f"{n}.wav", pcm)) for n, pcm in enumerate(sounds)]
    command = [sys.executable, "-m", "agent.cli", "transcribe", *paths, "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    texts: list[str] = []
    for line in done.stdout.splitlines():
        if line.removesuffix(":") in paths:
            texts.append("")
        else:
            texts[-1] = f"{texts[-1]} {line}".strip()
    assert len(texts) == len(sounds), done.stdout
    return texts


def bare(sounds: Sequence[Pcm], language: str | None = "en") -> list[str]:
    """What faster-whisper makes of each with the settings that it has by itself."""
    texts = []
    for pcm in sounds:
        segments, _ = _bare_model().transcribe(pcm, language=language)
        texts.append(" ".join(segment.text.strip() for segment in segments))
    return texts


@cache
def _bare_model() -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(str(kit.whisper()), device="cpu", compute_type="int8", cpu_threads=2)


def live(
    sounds: Sequence[Pcm],
    stt: Mapping[str, Any] | None = None,
    noise_snr: float | None = None,
    gap: float = GAP_S,
) -> list[dict[str, Any]]:
    """The events of a conversation in which these are heard; each is answered briefly.

    With noise it is there in the gaps too. The clock is virtual, a decoding takes `DECODING_S` of
    it: so the load of the machine matters to no word.
    """
    from trio.testing import MockClock

    parts = [silence(0.5), *(part for pcm in sounds for part in (pcm, silence(gap)))]
    pcm = np.concatenate(parts)
    if noise_snr is not None:
        pcm = noisy(pcm, noise_snr, seed=1)
    options = {"language": "en", **(stt or {})}
    whisper = Whisper(model=str(kit.whisper()), partials=False, **options)
    with start_blocking_portal() as portal:
        portal.call(whisper.load)
        inline = Inline(portal, whisper, None)
        inline.stt_s = DECODING_S
        clock = {"clock": MockClock(autojump_threshold=0)}
        try:
            return anyio.run(_converse, pcm, inline, backend="trio", backend_options=clock)
        finally:
            portal.call(whisper.aclose)


async def _converse(pcm: Pcm, stt: Inline) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []

    async def microphone(
        _: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        began = anyio.current_time()
        for start in range(0, len(pcm), 320):
            await anyio.sleep_until(began + (start + 320) / SAMPLE_RATE)
            await send.send(Audio(pcm[start : start + 320], SAMPLE_RATE))

    async def nowhere(_pcm: Pcm, _when: float) -> None:
        """No sound card."""

    def report(event: Event) -> None:
        events.append(event.record())

    llm, voice = FakeLlm([["Fine."]] * len(pcm)), FakeTts()
    engines = {"stt": stt, "llm": llm, "tts": voice, "vad": InlineVad()}
    async with Agent.open(Config.model_validate({"echo": "off"}), **engines) as agent:
        with anyio.fail_after(60 + 2 * len(pcm) / SAMPLE_RATE):
            await agent.converse(microphone, PacedSpeaker(TTS_RATE, nowhere), report)
    return events


def understood(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the user said, turn by turn."""
    return [event["text"] for event in events if event["type"] == "turn.committed"]
