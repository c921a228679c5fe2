"""Whether Dia2 holds up the event loop: `python -m bench.dia2_loop [--model FOLDER]`.

A callback asks the loop to be called a millisecond later, over and over, while Dia2 loads, speaks,
is interrupted, and listens to the turns of a conversation. Late is how much later it is. On a
shared machine most of it is the operating system's doing: the loop's thread, or the one that has
the interpreter's lock, was ready and had no processor. So the second number is what is Dia2's at
most: the processor time that its threads used while the loop waited, and no more than it waited.

Without `--model` it is a tiny one with random weights: the worst case, since nearly all of its time
is Python's. Linux only.
"""

import argparse
import asyncio
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import anyio
import numpy as np
from rich.console import Console
from rich.table import Table

from tts import SpokenTurn, SpokenWord
from tts.dia2.engine import Dia2Speech

TICK = 0.001
BAR = 10.0  # milliseconds
TEXT = "Well, this is a text: it has words, (laughs) and some more of them, up to its very end. "


class Ticker:
    """Wakes every millisecond; `late` by phase: (milliseconds late, Dia2's part of them)."""

    def __init__(self) -> None:
        self.phase = ""
        self.late: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        self._phase, self._others, self._waited = self.phase, _others(), _waited()
        self._due = self._loop.time() + TICK
        self._next = self._loop.call_at(self._due, self._woken)

    def stop(self) -> None:
        self._next.cancel()

    def _woken(self) -> None:
        late = self._loop.time() - self._due
        ready = late - (_waited() - self._waited)  # had a processor to run on, but could not
        part = max(0.0, min(ready, _others() - self._others))
        self.late[self._phase].append((1000 * late, 1000 * part))
        self.start()


def _others() -> float:
    """Seconds of processor time that all threads but this one have used."""
    return time.process_time() - time.thread_time()


def _waited() -> float:
    """Seconds for which this thread was ready to run and had no processor."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


def turn(speaker: str, words: str, sample_rate: int) -> SpokenTurn:
    """Six seconds of noise with words in it."""
    pcm = np.random.default_rng(1).normal(0, 0.1, 6 * sample_rate).astype(np.float32)
    texts = words.split()
    spoken = [SpokenWord(text, len(pcm) * n // len(texts)) for n, text in enumerate(texts)]
    return SpokenTurn("agent" if speaker == "agent" else "user", pcm, sample_rate, tuple(spoken))


async def reply(engine: Dia2Speech, pieces: int) -> None:
    """A reply of which so many pieces are taken."""
    async with engine.open() as utterance:
        for word in TEXT.split(" "):
            await utterance.feed(word + " ")
        await utterance.finish()
        for _ in range(pieces):
            await anext(utterance)


async def measure(model: str, replies: int) -> dict[str, list[tuple[float, float]]]:
    """What was late in which phase."""
    ticker = Ticker()
    ticker.phase = "loading"
    ticker.start()
    engine = Dia2Speech(model=model, device="cpu", seed=1, context=6)
    await engine.load()
    ticker.phase = "idle"
    await anyio.sleep(0.5)
    for _ in range(replies):
        ticker.phase = "speaking"
        await reply(engine, 40)
        ticker.phase = "interrupted"
        for _ in range(5):
            await reply(engine, 1)
        ticker.phase = "listening to turns"
        engine.remember(turn("user", "how are you this fine morning my dear", 16000))
        engine.remember(turn("agent", "very well I thank you so much for asking", 24000))
        await anyio.sleep(2)
    await engine.aclose()
    ticker.stop()
    return ticker.late


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a folder or repository (default: a tiny random one)")
    parser.add_argument("--replies", type=int, default=5, help="of each kind (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model
        if model is None:
            # In a process of its own: this one has yet to import PyTorch.
            model = folder
            _make_elsewhere(folder)
        late = anyio.run(measure, model, options.replies)
    table = Table("ms late", "times", "p50", "p99", "max", "Dia2's part p99", "max", "over 10")
    for phase, values in late.items():
        wall, part = np.array(values).T
        numbers = (*np.percentile(wall, (50, 99)), wall.max(), np.percentile(part, 99), part.max())
        over = int((part > BAR).sum())
        table.add_row(phase, str(len(wall)), *(f"{each:.2f}" for each in numbers), str(over))
    Console(width=100).print(table)


def _make_elsewhere(folder: str) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from tests.tiny_dia2 import make; "
        "make(Path(sys.argv[1]), codebooks=32)"
    )
    subprocess.run([sys.executable, "-c", code, folder], check=True)


if __name__ == "__main__":
    main()
