"""Latency of Whisper's transcript after the end of speech, trimmed against padded.

    python -m bench.stt [--sizes tiny,base,small] [--seconds 4] [--runs 5]
    python -m bench.stt --model FOLDER [--lengths 2,5,10,15,20,26,29,45] [--runs 5]

Models of the real sizes with random weights, int8 on the CPU, through the engine itself. They never
come to an end, so an utterance is said to have `TOKENS` tokens, and the check that would decode it
again is left out. Trimmed and padded take turns, so that both meet the same machine; `cpu` is the
processor time of all threads, which a busy machine changes less. In a conversation most of the time
is hidden: decoding begins in the pause before the turn's end (`bench.stt_live`).

The second command takes a real model (`python -m tests.real.kit whisper-base` fetches one) and a
reader's voice, and compares the processor time with bare faster-whisper's, with its own settings,
at every length. The voice detector's is in it.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import anyio
import numpy as np
from numpy.typing import NDArray

from stt.vad import SAMPLE_RATE, VoiceActivity
from stt.whisper.decoder import Decoder
from stt.whisper.engine import THREADS, Whisper
from tests.stt.clips import read
from tests.stt.whisper import tiny_whisper

SIZES = {"tiny": (384, 6, 4), "base": (512, 8, 6), "small": (768, 12, 12)}
"""Width, heads, and layers of encoder and decoder each."""

WORDS = 50_000
TOKENS = 16
CLIP = "long_request"


def main() -> None:
    """Print a line per size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="tiny,base,small", help=f"of {', '.join(SIZES)}")
    parser.add_argument("--seconds", type=float, default=4.0, help="of speech, up to 7")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", help="a folder: compare with bare faster-whisper")
    parser.add_argument("--lengths", default="2,5,10,15,20,26,29,45", help="of the turns, in s")
    args = parser.parse_args()
    if args.model:
        against_bare(args.model, [float(each) for each in args.lengths.split(",")], args.runs)
        return
    pcm = read(CLIP)[: round(args.seconds * SAMPLE_RATE)]
    print(f"{len(pcm) / SAMPLE_RATE:.1f} s of speech, {TOKENS} tokens, medians of {args.runs} runs")
    print("size    trimmed: ms   cpu    RTF    padded: ms   cpu    RTF    ratio: ms   cpu")
    for size in args.sizes.split(","):
        with patch("stt.whisper.decoder.Decoder._borne_out", return_value=True):
            (trimmed, cpu), (padded, padded_cpu) = anyio.run(_measure, size, pcm, args.runs)
        seconds = len(pcm) / SAMPLE_RATE
        print(
            f"{size:6} {1000 * trimmed:12.0f} {1000 * cpu:5.0f} {trimmed / seconds:6.3f} "
            f"{1000 * padded:13.0f} {1000 * padded_cpu:5.0f} {padded / seconds:6.3f} "
            f"{padded / trimmed:12.1f} {padded_cpu / cpu:5.1f}",
            flush=True,
        )


def against_bare(folder: str, lengths: Sequence[float], runs: int) -> list[float]:
    """Print processor time of a turn of each length against faster-whisper's; the ratios."""
    from faster_whisper import WhisperModel

    from tests.real.clips import novel

    cores = min(THREADS, os.cpu_count() or 1)
    model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=cores)
    decoder = Decoder(model)
    pause = np.zeros(SAMPLE_RATE // 4, np.float32)
    speech = np.concatenate([part for clip in novel() for part in (clip.pcm, pause)])

    def bare(pcm: NDArray[np.float32]) -> None:
        list(model.transcribe(pcm, language="en")[0])

    def ours(pcm: NDArray[np.float32]) -> None:
        VoiceActivity().process(pcm)
        decoder.decode(pcm, "en")

    bare(pause)
    print("turn, s    ours: cpu ms    bare: cpu ms    ratio    (medians)")
    ratios = []
    for length in lengths:
        took: list[tuple[float, float]] = []
        for run in range(runs):
            start = run * 3 * SAMPLE_RATE  # another part of it each time
            pcm = np.resize(np.roll(speech, -start), round(length * SAMPLE_RATE))
            took.append((_processor_time(ours, pcm), _processor_time(bare, pcm)))
        mine, other = (1000 * statistics.median(times) for times in zip(*took, strict=True))
        ratios.append(statistics.median(one / another for one, another in took))
        print(f"{length:7.0f} {mine:15.0f} {other:15.0f} {ratios[-1]:8.2f}", flush=True)
    return ratios


def _processor_time(
    decode: Callable[[NDArray[np.float32]], None], pcm: NDArray[np.float32]
) -> float:
    began = time.process_time()
    decode(pcm)
    return time.process_time() - began


async def _measure(size: str, pcm: NDArray[np.float32], runs: int) -> Sequence[tuple[float, float]]:
    """Seconds from the end of speech to the transcript, and of processor time: trimmed, padded."""
    width, heads, layers = SIZES[size]
    with tempfile.TemporaryDirectory() as folder:
        tiny_whisper.make(Path(folder), width=width, heads=heads, layers=layers, words=WORDS)
        engines = [
            Whisper(model=folder, device="cpu", language="en", partials=False, trim_encoder=trim)
            for trim in ("auto", "off")
        ]
        for engine in engines:
            await engine.load()
            assert engine._decoding.decoder is not None
            engine._decoding.decoder._model.max_length = 4 + TOKENS  # the prompt has four
    took: list[list[tuple[float, float]]] = [[], []]
    for _ in range(runs):
        for engine, times in zip(engines, took, strict=True):
            async with engine.listen() as recognition:
                for start in range(0, len(pcm), 512):
                    await recognition.feed(pcm[start : start + 512])
                began, worked = time.perf_counter(), time.process_time()
                await recognition.finish()
                times.append((time.perf_counter() - began, time.process_time() - worked))
    return [
        (statistics.median(wall for wall, _ in times), statistics.median(cpu for _, cpu in times))
        for times in took
    ]


if __name__ == "__main__":
    main()
