"""The codec's speed on this machine: streams of a real-size Mimi with random weights.

    python -m bench.mimi [--threads 2] [--frames 200] [--tiny]

One frame of codes (80 ms of speech) at a time, as a talking voice is decoded. The yardstick is the
same codec written as one would first write it (`tests/tts/dia2/plain_mimi.py`), in the same run and
in turns with ours, so that both meet the same machine. Medians; with two threads on two cores
anything else that runs spoils them, so the tenth fastest of a hundred is printed too.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from tests.tiny_dia2 import CODEC
from tests.tts.dia2.mimi.plain_mimi import random_mimi

WARM_UP = 10
FRAME_MS = 80
TEN_SECONDS = 125  # frames


def main() -> None:
    """Print milliseconds per frame of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2, help="of torch (default 2)")
    parser.add_argument("--frames", type=int, default=200, help="to measure (default 200)")
    parser.add_argument("--tiny", action="store_true", help="a tiny codec: whether this bench runs")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with torch.inference_mode():
        _measure(options.frames, CODEC if options.tiny else {})


def _measure(frames: int, sizes: Mapping[str, int]) -> None:
    mimi, plain = random_mimi(**sizes)
    total = frames + WARM_UP
    codes = torch.randint(0, mimi.config.codebook_size, (mimi.codebooks, total))
    wave = torch.randn(total * mimi.frame_size) / 5
    decoder, encoder = mimi.decoder(), mimi.encoder()
    past: dict[str, Tensor] = {}
    plain.window = None  # its keys pile up; they are few here
    ours, theirs, encoding = _in_turns(
        total,
        lambda n: decoder.step(codes[None, :, n : n + 1]),
        lambda n: plain.step(codes[:, n : n + 1], past),
        lambda n: encoder.step(wave[n * mimi.frame_size : (n + 1) * mimi.frame_size]),
    )
    _report("decode, one frame at a time", ours)
    _report("decode, plain convolutions", theirs)
    _report("encode, one frame at a time", encoding)
    print(f"ratio {statistics.median(theirs) / statistics.median(ours):.2f}")
    four = [codes[None, :, n : n + 4] for n in range(0, total - 3, 4)]
    (chunks,) = _in_turns(len(four), lambda n: decoder.step(four[n]), warm_up=1)
    _report("decode, four frames at a time", [each / 4 for each in chunks])
    seconds = torch.randint(0, mimi.config.codebook_size, (mimi.codebooks, TEN_SECONDS))
    (whole,) = _in_turns(4, lambda _: mimi.decode(seconds), warm_up=1)
    _report("decode, ten seconds at once", [each / TEN_SECONDS for each in whole])


def _in_turns(
    times: int, *tasks: Callable[[int], Tensor], warm_up: int = WARM_UP
) -> list[list[float]]:
    """Milliseconds of each call of each task, but for the first ones."""
    took: list[list[float]] = [[] for _ in tasks]
    for n in range(times):
        for task, each in zip(tasks, took, strict=True):
            start = time.perf_counter()
            task(n)
            each.append((time.perf_counter() - start) * 1000)
    return [each[warm_up:] for each in took]


def _report(what: str, took: list[float]) -> None:
    median = statistics.median(took)
    fast = sorted(took)[len(took) // 10]
    share = median / FRAME_MS
    print(f"{what:30} {median:7.2f} ms a frame (fast {fast:.2f}), {share:.0%} of real time")


if __name__ == "__main__":
    main()
