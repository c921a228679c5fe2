"""Real speech: flite's voices, with the words' times, kept in a folder of clips."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.audio.wav import read_audio
from stt import Word

Float32 = NDArray[np.float32]

RATE = 16000
"""Samples per second of everything that sounds on the bench."""

VOICES = ("slt", "rms", "kal16", "awb")
FOLDER = Path(tempfile.gettempdir()) / "parley-bench-voices"

_FRAME = RATE // 100
_EDGE = 30.0
"""Decibels below its level at which a sound begins, pauses and ends; ITU-T P.56 calls what is
15.9 dB below silent."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Sound of a sample rate of 16 kHz, and the words in it; a noise has none.

    `begin` and `end`, in seconds: of its first and its last sample that is not 30 dB softer than
    the whole.
    """

    pcm: Float32
    words: tuple[Word, ...] = ()
    begin: float = 0.0
    end: float = 0.0

    @property
    def text(self) -> str:
        """The words."""
        return " ".join(word.text for word in self.words)


def clip(pcm: Float32, words: Sequence[Word] = (), *, level: float) -> Clip:
    """A clip at `level` dBFS: the power of its frames that are not silent."""
    power = frame_power(pcm)
    mean = power[power > power.max() * 10 ** (-_EDGE / 10)].mean()
    scale = 10 ** (level / 20) / np.sqrt(mean)
    frames = np.flatnonzero(power > mean * 10 ** (-_EDGE / 10))
    begin, end = float(frames[0]) * _FRAME / RATE, float(frames[-1] + 1) * _FRAME / RATE
    return Clip((pcm * scale).astype(np.float32), tuple(words), begin, min(end, len(pcm) / RATE))


def speak(text: str, voice: str, *, stretch: float = 1.0, level: float = -26.0) -> Clip:
    """`text` spoken by one of `VOICES`, `stretch` times as slow; it begins and ends at once."""
    pcm, words = _synthesise(text, voice, stretch)
    return clip(pcm, words, level=level)


def pausing(text: str, voice: str, pauses: Sequence[float], *, stretch: float = 1.0) -> Clip:
    """`text` spoken with a silence of `pauses` seconds at every `|` in it."""
    parts = [part.split() for part in text.split("|")]
    spoken = speak(text.replace("|", ""), voice, stretch=stretch)
    count = 0
    for part, pause in zip(parts[:-1], pauses, strict=True):
        count += len(part)
        spoken = _with_pause(spoken, count, pause)
    return spoken


def murmur(text: str, phones: str, voice: str, *, level: float = -26.0) -> Clip:
    """One word that is not spoken as it is spelt."""
    pcm = utter(phones, voice)
    return clip(pcm, [Word(text, 0.0, len(pcm) / RATE)], level=level)


@cache
def utter(phones: str, voice: str) -> Float32:
    """A voice without words: phones of flite's, at its level and without the silence around."""
    name = hashlib.sha256(f"{phones}|{voice}".encode()).hexdigest()[:20]
    path, times = FOLDER / f"{name}.wav", FOLDER / f"{name}.json"
    if not times.exists():
        segments = _flite(path, "-p", f"pau {phones} pau", voice=voice)
        _write(times, json.dumps([segments[0][1], segments[-2][1]]))
    start, end = json.loads(times.read_text())
    pcm, _ = read_audio(path)
    return pcm[round(start * RATE) : round(end * RATE)]


def fluent(spoken: Clip) -> Clip:
    """The clip without its own pauses: when it is silent, somebody has silenced it."""
    power = frame_power(spoken.pcm)
    quiet = power < power.mean() * 10 ** (-_EDGE / 10)
    keep = ~quiet | np.concatenate([[False], ~quiet[:-1]]) | np.concatenate([~quiet[1:], [False]])
    kept = np.concatenate([np.repeat(keep, _FRAME), np.ones(len(spoken.pcm), bool)])
    kept = kept[: len(spoken.pcm)]
    before = np.concatenate([[0], np.cumsum(kept)]) / RATE

    def moved(time: float) -> float:
        return float(before[min(round(time * RATE), len(kept))])

    words = tuple(Word(w.text, moved(w.start), moved(w.end)) for w in spoken.words)
    return Clip(spoken.pcm[kept], words, moved(spoken.begin), moved(spoken.end))


def frame_power(pcm: Float32) -> NDArray[np.float64]:
    """The mean square of every 10 ms."""
    count = len(pcm) // _FRAME
    power: NDArray[np.float64] = (
        np.square(pcm[: count * _FRAME].astype(np.float64)).reshape(count, _FRAME).mean(axis=1)
    )
    return power


def _with_pause(spoken: Clip, words: int, seconds: float) -> Clip:
    """`seconds` of silence after the first `words` words."""
    at = round(spoken.words[words - 1].end * RATE)
    slope = np.linspace(1, 0, RATE // 100, dtype=np.float32)
    before, after = spoken.pcm[:at].copy(), spoken.pcm[at:].copy()
    before[-len(slope) :] *= slope
    after[: len(slope)] *= slope[::-1]
    silence = np.zeros(round(seconds * RATE), np.float32)
    later = [Word(w.text, w.start + seconds, w.end + seconds) for w in spoken.words[words:]]
    return replace(
        spoken,
        pcm=np.concatenate([before, silence, after]),
        words=(*spoken.words[:words], *later),
        end=spoken.end + seconds,
    )


@cache
def _synthesise(text: str, voice: str, stretch: float) -> tuple[Float32, tuple[Word, ...]]:
    """Speech without the silence around it, at flite's level, and its words."""
    name = hashlib.sha256(f"{text}|{voice}|{stretch}".encode()).hexdigest()[:20]
    path, times = FOLDER / f"{name}.wav", FOLDER / f"{name}.json"
    if not times.exists():
        segments = _flite(path, "-t", text, voice=voice, stretch=stretch)
        counts = [_phones(word) for word in text.split()]
        _write(times, json.dumps(_words(text.split(), counts, segments)))
    words = [Word(*word) for word in json.loads(times.read_text())]
    pcm, _ = read_audio(path)
    start, end = words[0].start, words[-1].end
    return pcm[round(start * RATE) : round(end * RATE)], tuple(
        Word(word.text, word.start - start, word.end - start) for word in words
    )


def _words(
    texts: Sequence[str], counts: Sequence[int], segments: Sequence[tuple[str, float]]
) -> list[tuple[str, float, float]]:
    """Every word with its seconds, from how many phones it has by itself."""
    starts = [0.0, *(end for _, end in segments)]
    spans = [
        (start, end)
        for start, (phone, end) in zip(starts, segments, strict=False)
        if phone != "pau"
    ]
    # Words in a sentence may have a phone more or less than by themselves.
    edges = np.rint(np.cumsum([0, *counts]) * len(spans) / sum(counts)).astype(int)
    return [
        (text, spans[first][0], spans[max(first, last - 1)][1])
        for text, first, last in zip(texts, edges[:-1], edges[1:], strict=True)
    ]


@cache
def _phones(word: str) -> int:
    """How many phones a word has: the voices have one lexicon, and this one is quick."""
    text = re.sub(r"[^\w'-]", "", word) or word
    return sum(phone != "pau" for phone, _ in _flite(None, "-t", text, voice="kal"))


def _flite(
    path: Path | None, *what: str, voice: str, stretch: float = 1.0
) -> list[tuple[str, float]]:
    """Speak into a file; the phones and their ends in seconds."""
    if shutil.which("flite") is None:
        raise SystemExit("the bench speaks with flite: apt-get install flite")
    FOLDER.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}") if path else None
    options = ["-voice", voice, "--setf", f"duration_stretch={stretch}", "-psdur"]
    result = subprocess.run(
        ["flite", *options, *what, "-o", str(part or "none")],
        check=True,
        capture_output=True,
        text=True,
    )
    if path and part:
        part.replace(path)
    pairs = (item.rsplit(":", 1) for item in result.stdout.split())
    return [(phone, float(end)) for phone, end in pairs]


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(text)
    part.replace(path)
