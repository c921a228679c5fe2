"""The speed of Dia's codec on this machine: streams of a real-size codec with random weights.

    python -m bench.dac [--threads 2] [--frames 120]

A frame of codes is 11.6 ms of speech. Medians, and the fastest tenth beside them, since anything
else that runs on a machine of two cores spoils them; the processor's own time tells that apart.
"""

import argparse
import os
import statistics
import time

import torch

from tests.tts.dia.codec.random_dac import random_dac
from tts.dia.codec.codec import Dac

PUSHES = (1, 4, 8, 16)
WARM_UP = 12  # frames: before them not all layers have something to do


def main() -> None:
    """Print milliseconds per frame for pushes of some frames, and of encoding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2, help="of torch (default 2)")
    parser.add_argument("--frames", type=int, default=120, help="to measure (default 120)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    dac = random_dac()
    print(f"load {os.getloadavg()[0]:.1f}, {options.threads} threads")
    for push in PUSHES:
        _decode(dac, push, options.frames)
    wave = torch.randn(dac.sample_rate) / 5
    started = time.perf_counter()
    dac.encode(wave)
    print(f"encode one second: {time.perf_counter() - started:.2f} s")


def _decode(dac: Dac, push: int, frames: int) -> None:
    codes = torch.randint(0, dac.config.codebook_size, (dac.codebooks, WARM_UP + frames))
    stream = dac.decoder()
    stream.step(codes[:, :WARM_UP])
    took = []
    before = time.process_time()
    for piece in torch.split(codes[:, WARM_UP:], push, 1):
        started = time.perf_counter()
        stream.step(piece)
        took.append((time.perf_counter() - started) * 1000 / piece.shape[1])
    worked = (time.process_time() - before) * 1000 / frames
    median, fast = statistics.median(took), sorted(took)[len(took) // 10]
    print(
        f"decode, {push:2} frames a push: {median:6.2f} ms a frame (fast {fast:.2f}; "
        f"{worked:.2f} ms of processor time)"
    )


if __name__ == "__main__":
    main()
