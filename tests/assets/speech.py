"""Flite says a text, and tells when it says which sound and which word."""

import random
import re
import subprocess
import wave
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
VOICES = {"kal16": 105, "awb": 125, "rms": 100, "slt": 175}
"""Flite's voices and about how high they speak (Hz)."""

_PHONES = """pau aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh
t th uh uw v w y z zh"""
PHONES = tuple(_PHONES.split())
"""All sounds; the first is a pause."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A rendering: samples, the end of each phone, and start and end of each word (seconds)."""

    text: str
    pcm: NDArray[np.int16]
    phones: tuple[tuple[int, float], ...]
    words: tuple[tuple[float, float], ...]


def render(
    text: str, voice: str, stretch: float = 1.0, pitch: float = 1.0, end: str = ""
) -> Speech:
    """`text` as `voice` says it: `stretch` times as slow, `pitch` times as high."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "speech.wav")
        spoken = _flite(text + end, voice, path, stretch, pitch)
        with wave.open(str(path)) as file:
            assert file.getframerate() == SAMPLE_RATE
            pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return Speech(text, pcm, tuple(spoken), tuple(_word_times(text, spoken)))


def render_all(texts: Iterable[str], seed: int, threads: int = 2) -> list[Speech]:
    """Each text by a voice, at a speed and at a pitch drawn from `seed`."""
    chance = random.Random(seed)
    jobs = [
        (text, voice, chance.uniform(0.85, 1.25), chance.uniform(0.85, 1.2), chance.choice(".?,  "))
        for text in texts
        for voice in [chance.choice(list(VOICES))]
    ]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda job: render(*job), jobs))


def _flite(
    text: str, voice: str, path: Path, stretch: float = 1.0, pitch: float = 1.0
) -> list[tuple[int, float]]:
    command = ["flite", "-voice", voice, "-psdur", "-t", text + " ", "-o", str(path)]
    command += ["--setf", f"duration_stretch={stretch:.3f}"]
    command += ["--setf", f"int_f0_target_mean={VOICES[voice] * pitch:.1f}"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [
        (PHONES.index(name), float(end)) for name, end in re.findall(r"(\w+):([\d.]+)", printed)
    ]


@cache
def _pronunciation(word: str) -> tuple[int, ...]:
    with TemporaryDirectory() as folder:
        spoken = _flite(word, "rms", Path(folder, "word.wav"))
    return tuple(phone for phone, _ in spoken if phone)


def _word_times(text: str, spoken: list[tuple[int, float]]) -> list[tuple[float, float]]:
    """Where the words are: their pronunciations, laid over the phones with the fewest edits."""
    owners = [(i, phone) for i, word in enumerate(text.split()) for phone in _pronunciation(word)]
    sounds = [
        (phone, start, end)
        for (phone, end), (_, start) in zip(spoken, [(0, 0.0), *spoken], strict=False)
        if phone
    ]
    rows, columns = len(owners) + 1, len(sounds) + 1
    cost = np.add.outer(np.arange(rows), np.arange(columns))
    for i in range(1, rows):
        for j in range(1, columns):
            differ = int(owners[i - 1][1] != sounds[j - 1][0])
            cost[i, j] = min(cost[i - 1, j] + 1, cost[i, j - 1] + 1, cost[i - 1, j - 1] + differ)
    times: dict[int, tuple[float, float]] = {}
    i, j = rows - 1, columns - 1
    while i and j:  # from the end: the first sound met of a word is its last
        differ = int(owners[i - 1][1] != sounds[j - 1][0])
        word, (_, start, end) = owners[i - 1][0], sounds[j - 1]
        if cost[i, j] == cost[i - 1, j - 1] + differ:
            times[word] = (start, times.get(word, (start, end))[1])
            i, j = i - 1, j - 1
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:  # a sound more than in the pronunciation belongs to the word around it
            times[word] = (start, times.get(word, (start, end))[1])
            j -= 1
    found: list[tuple[float, float]] = []
    for word in range(len(text.split())):  # one that flite swallowed has no length
        before = found[-1][1] if found else 0.0
        found.append(times.get(word, (before, before)))
    return found
