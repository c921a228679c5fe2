"""How often being called works: `python -m bench.wake [--hours 10] [--engine NAME] [PHRASE]`.

By every voice there is (Piper and Kokoro from the kit of `tests.real`, if it has been fetched;
flite; espeak's variants) an engine is called alone and with a question in the same breath, at three
speeds, at a desk, from afar, and over three noises at 10 dB. Then it hears what sounds nearly like
its phrase, and some hours of what is not: recordings of people (Debian's asterisk-core-sounds-en-
g722, pocketsphinx-testdata and alsa-utils, again and again at other pitches), sentences by the same
synthesisers, music and noises. All callers are synthetic; the thresholds were found with other
voices, sentences and recordings. Faster than real time: ten hours take half an hour or less.
"""

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.table import Table

from agent.config.wake import WakeSettings
from agent.wake.create import create_wake_word_engine
from agent.wake.engine import WakeWordEngine
from bench.full_duplex.voices import RATE, Float32
from bench.wake.calls import PLACES, Call, calls, near_words
from bench.wake.day import day
from bench.wake.voices import FAMILIES

PHRASES = {"pocketsphinx": "hey parley", "openwakeword": "hey jarvis"}
"""Of each engine, the one that it is called by unless another is given."""

BLOCK = 1536
"""Samples that an engine is given at a time, as the gate does."""


def wakes(engine: WakeWordEngine, pcm: Float32) -> int:
    """How often the engine is woken by it."""
    blocks = (pcm[start : start + BLOCK] for start in range(0, len(pcm), BLOCK))
    return sum(engine.hear(block) is not None for block in blocks)


def called(
    engine: WakeWordEngine, which: Iterator[Call], few: int
) -> dict[tuple[str, str], list[int]]:
    """By family and place whether each call woke it; of many only some, `few` if it is not 0."""
    woken = defaultdict(list)
    every = list(which)
    # Callers come in turn, as they do; a microphone's sound is not learnt from one of them.
    order = np.random.default_rng(0).permutation(len(every))
    for n in order[: few or None]:
        engine.reset()
        woken[every[n].voice.family, every[n].place].append(min(1, wakes(engine, every[n].pcm)))
    return woken


def percent(woken: dict[tuple[str, str], list[int]], families: tuple[str, ...], place: str) -> str:
    """How many of those were heard, and of how many."""
    here = [
        n for family in families for at, ns in woken.items() if at == (family, place) for n in ns
    ]
    return f"{100 * np.mean(here):.0f} of {len(here)}" if here else "–"


def measure(name: str, phrase: str, hours: float, few: int, console: Console) -> None:
    """Print an engine's tables."""
    engine = create_wake_word_engine(
        WakeSettings.model_validate({"words": [phrase], "engine": name})
    )
    engine.load()
    woken = called(engine, calls(phrase), few)
    table = Table(title=f"{name}, '{phrase}': % of calls that wake")
    table.add_column("voices")
    for place in PLACES:
        table.add_column(place, justify="right")
    for row, families in {
        **{f: (f,) for f in FAMILIES},
        "natural": FAMILIES[:2],
        "all": FAMILIES,
    }.items():
        table.add_row(row, *(percent(woken, families, place) for place in PLACES))
    console.print(table)
    near = [n for ns in called(engine, near_words(phrase), few).values() for n in ns]
    falsely: Counter[str] = Counter()
    heard: Counter[str] = Counter()
    spent = 0.0
    engine.reset()
    for kind, pcm in day(hours):
        begun = time.process_time()
        falsely[kind] += wakes(engine, pcm)
        spent += time.process_time() - begun
        heard[kind] += len(pcm)
    table = Table(title=f"{name}, '{phrase}': false wakes")
    for column in ("heard", "hours", "wakes"):
        table.add_column(column, justify="right" if column != "heard" else "left")
    for kind, samples in heard.items():
        table.add_row(kind, f"{samples / RATE / 3600:.2f}", str(falsely[kind]))
    total = heard.total() / RATE
    table.add_row("false wakes in all", f"{total / 3600:.2f}", str(falsely.total()))
    table.add_row("near words", f"{len(near)} said", str(sum(near)))
    console.print(table)
    console.print(f"{name}: {100 * spent / total:.1f} % of a core while something is to be heard")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("phrase", nargs="?", help="instead of each engine's own")
    parser.add_argument("--hours", type=float, default=10.0, help="of what is no call")
    parser.add_argument("--engine", choices=PHRASES, help="only this one")
    parser.add_argument("--calls", type=int, default=0, help="so many of them only")
    options = parser.parse_args()
    console = Console()
    for name, phrase in PHRASES.items():
        if options.engine in (None, name):
            measure(name, options.phrase or phrase, options.hours, options.calls, console)


if __name__ == "__main__":
    main()
