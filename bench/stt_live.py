"""Whisper in a conversation: latency with and without partial transcripts, and memory.

    python -m bench.stt_live [--sizes tiny,base] [--turns 12] [--utterances 500]

Models of the real sizes with random weights, as in `bench.stt`; speech of two to four seconds comes
in real time, in blocks of 32 ms. `pause` is from the pause (90 ms of silence) to its transcript,
with and without partials, in turns. `endpoint` is what is left of that in a conversation: from the
decision that the turn is over (`turn.silence` at its 1 s here, so that the decoding of the pause
stands) to the final transcript, as `turn.latency` tells it. At last the memory of the process, as
it grows over many utterances of the smallest.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.config.load import Config
from agent.events import Audio, Event, TurnLatency
from bench.stt import CLIP, SIZES, TOKENS, WORDS
from stt.vad import SAMPLE_RATE
from stt.whisper.engine import Whisper
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeTts
from tests.stt.clips import read
from tests.stt.whisper import tiny_whisper

BLOCK = 512
PAUSE = 3 * BLOCK
"""Samples of silence after which a transcript is wanted."""


def main() -> None:
    """Print a table, a line per size, and a line about memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="tiny,base", help=f"of {', '.join(SIZES)}")
    parser.add_argument("--turns", type=int, default=12, help="of each kind (default 12)")
    parser.add_argument("--utterances", type=int, default=500, help="for memory (default 500)")
    args = parser.parse_args()
    print("milliseconds: p50 / max    pause, no partials    pause, partials    endpoint")
    with ExitStack() as stack:
        # What random weights write would be rejected, or decoded again.
        for check, passed in (
            ("stt.whisper.decoder.Decoder._borne_out", True),
            ("stt.whisper.decoding_thread.rejection", None),
        ):
            stack.enter_context(patch(check, return_value=passed))
        for size in args.sizes.split(","):
            columns = anyio.run(_measure, size, args.turns)
            shown = "    ".join(
                f"{statistics.median(column):6.0f} / {max(column):5.0f}" for column in columns
            )
            print(f"{size:24}   {shown}", flush=True)
        anyio.run(_remember, args.utterances)


async def _load(size: str, **options: Any) -> Whisper:
    width, heads, layers = SIZES[size]
    with tempfile.TemporaryDirectory() as folder:
        tiny_whisper.make(Path(folder), width=width, heads=heads, layers=layers, words=WORDS)
        engine = Whisper(model=folder, device="cpu", language="en", **options)
        await engine.load()
    assert engine._decoding.decoder is not None
    engine._decoding.decoder._model.max_length = 4 + TOKENS  # the prompt has four
    return engine


def _speech(seconds: float) -> NDArray[np.float32]:
    return read(CLIP)[: round(seconds * SAMPLE_RATE)]


async def _measure(size: str, turns: int) -> Sequence[list[float]]:
    engines = [await _load(size, partials=partials) for partials in (False, True)]
    lengths = np.random.default_rng(1).uniform(2, 4, turns)
    columns: list[list[float]] = [[], []]
    for seconds in lengths:
        pcm = np.append(_speech(seconds), np.zeros(PAUSE, np.float32))
        for engine, column in zip(engines, columns, strict=True):
            column.append(await _pause(engine, pcm))
    endpoints = await _converse(engines[1], lengths[: max(1, turns // 2)])
    return [*columns, endpoints]


async def _pause(engine: Whisper, pcm: NDArray[np.float32]) -> float:
    """Milliseconds that the transcript takes after speech that came in real time."""
    began = anyio.current_time()
    async with engine.listen() as recognition:
        for start in range(0, len(pcm), BLOCK):
            await anyio.sleep_until(began + (start + BLOCK) / SAMPLE_RATE)
            await recognition.feed(pcm[start : start + BLOCK])
        asked = time.perf_counter()
        await recognition.finish()
        return (time.perf_counter() - asked) * 1000


async def _converse(engine: Whisper, lengths: NDArray[np.float64]) -> list[float]:
    """Milliseconds from each turn's end to its transcript, in a conversation."""
    silence = np.zeros(2 * SAMPLE_RATE, np.float32)
    pcm = np.concatenate([part for s in lengths for part in (_speech(s), silence)])
    told: list[float] = []

    async def microphone(
        _: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        began = anyio.current_time()
        for start in range(0, len(pcm), BLOCK):
            await anyio.sleep_until(began + (start + BLOCK) / SAMPLE_RATE)
            await send.send(Audio(pcm[start : start + BLOCK], SAMPLE_RATE))

    async def nowhere(_pcm: NDArray[np.float32], _when: float) -> None:
        """Nobody listens."""

    def report(event: Event) -> None:
        if isinstance(event, TurnLatency) and event.stt_ms is not None:
            told.append(event.stt_ms)

    config = Config.model_validate({"echo": "off", "turn": {"detector": "silence"}})
    llm = FakeLlm([["Fine."]] * 3 * len(lengths))
    agent = Agent(config, stt=engine, llm=llm, tts=FakeTts())
    await agent.load()
    await agent.converse(microphone, PacedSpeaker(TTS_RATE, nowhere), report)
    return told


async def _remember(utterances: int) -> None:
    engine = await _load("tiny", partials=False)
    pcm, sizes = _speech(2), []
    for number in range(1, utterances + 1):
        async with engine.listen() as recognition:
            await recognition.feed(pcm)
            await recognition.finish()
        if number % max(1, utterances // 5) == 0:
            sizes.append(_resident())
    grown = ", ".join(f"{size:.1f}" for size in sizes)
    print(f"memory in MB over {utterances} utterances: {grown}")


def _resident() -> float:
    """Megabytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


if __name__ == "__main__":
    main()
