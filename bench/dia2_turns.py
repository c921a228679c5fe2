"""From opening a reply to its first frame, with a conversation before it (`tts.context`).

    python -m bench.dia2_turns [--size tiny|mid|1b] [--turns 6] [--times 3]

The same conversation in one run: nothing of it has been heard when the reply is opened; all but the
user's last turn, which has only just been transcribed; all of it; and none at all before it. Then
how long the pieces of the work between the turns are: a reply may have to wait for one. Random
weights at the codec's real size and `--size` of the network; one thread.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from tests.tiny_dia2 import real_size
from tests.tts.dia2.serving.utterances import settings
from tts import SpokenTurn, SpokenWord
from tts.dia2.serving.context import ContextPrefill
from tts.dia2.serving.prepare import Prepared, frame_seconds, load
from tts.dia2.serving.utterance import UtteranceState
from tts.transformer.item import Item

WORDS = "how are you this fine morning my dear"
TEXT = "Well, this is a text and it has words. "


def turn(number: int, seed: int) -> SpokenTurn:
    """Four seconds of noise with words in it."""
    rate = 24000
    pcm = np.random.default_rng((seed, number)).normal(0, 0.1, 4 * rate).astype(np.float32)
    texts = WORDS.split()
    words = [SpokenWord(text, len(pcm) * n // len(texts)) for n, text in enumerate(texts)]
    return SpokenTurn("user" if number % 2 else "agent", pcm, rate, tuple(words))


def between(prepared: Prepared, context_prefill: ContextPrefill) -> list[float]:
    """All that is done while nobody speaks: seconds of each piece."""
    pieces, begun = [], time.perf_counter()
    while prepared.scheduler.step() or context_prefill.step():
        pieces.append(time.perf_counter() - begun)
        begun = time.perf_counter()
    return pieces


def first_frame(prepared: Prepared, context_prefill: ContextPrefill) -> float:
    """Seconds from opening a reply, with its text there, to its first frame."""
    items: list[Item] = []
    begun = time.perf_counter()
    utterance = UtteranceState(
        prepared.bundle, prepared.voice_settings, prepared.prefilled, items.append
    )
    utterance.begin_with(context_prefill.prefilled())
    prepared.scheduler.open(utterance)
    utterance.feed(TEXT)
    while not items:
        prepared.scheduler.step()
    took = time.perf_counter() - begun
    prepared.scheduler.close(utterance)
    return took


def measure(folder: Path, turns: int, times: int) -> None:
    prepared = load(settings(folder, context=turns))
    context_prefill = prepared.context_prefill
    assert context_prefill is not None
    frame = frame_seconds(prepared.bundle, prepared.voice_settings.sampling)
    heard = {"nothing": 0, "all but the last turn": turns - 1, "all of it": turns}
    took: dict[str, list[float]] = {name: [] for name in heard}
    took["there was none"] = [first_frame(prepared, context_prefill) for _ in range(times)]
    pieces: list[float] = []
    for seed in range(times):
        for name, count in heard.items():
            for number in range(turns):
                if number == count:
                    pieces += between(prepared, context_prefill) if count else []
                context_prefill.remember(turn(number, hash((seed, count)) % 1000))
            if count == turns:
                pieces += between(prepared, context_prefill)
            took[name].append(first_frame(prepared, context_prefill))
    table = Table("heard of it when the reply is opened", "ms to its first frame")
    for name, seconds in took.items():
        table.add_row(name, ", ".join(f"{1000 * each:.0f}" for each in sorted(seconds)))
    Console().print(table)
    frames = context_prefill.prefilled().prefix.plan.frames
    longest, median = 1000 * max(pieces), 1000 * statistics.median(pieces)
    print(
        f"{frames} frames of conversation; a frame takes {1000 * frame:.0f} ms to make, a piece of"
    )
    print(f"the work between the turns {median:.0f} ms, the longest {longest:.0f} ms")


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("tiny", "mid", "1b"), default="mid", help="default: mid")
    parser.add_argument("--turns", type=int, default=6, help="of four seconds, even (default 6)")
    parser.add_argument("--times", type=int, default=3, help="to measure each (default 3)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        measure(real_size(Path(folder), options.size), options.turns, options.times)


if __name__ == "__main__":
    main()
