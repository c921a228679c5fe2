"""Who calls: voices of four synthesisers, each phrase spoken once and kept in a folder of clips.

Piper and Kokoro sound natural, flite and espeak do not. Thresholds were found with those that are
`tuned`, and the bench counts those that are not.
"""

import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import soxr

from agent.audio.wav import read_audio
from bench.full_duplex.voices import FOLDER, RATE, Float32
from tests.real import kit
from tts import TextToSpeech
from tts.espeak import Espeak
from tts.kokoro import Kokoro
from tts.piper import Piper

FAMILIES = ("Piper", "Kokoro", "flite", "espeak")

_ESPEAK = {
    True: ("en-us+f2", "en-us+m1", "en-us+m7", "en-gb+f4", "en-gb-x-rp+m2", "en-us+Alicia"),
    False: (
        *("en-us", "en-us+m3", "en-us+f3", "en-us+Annie"),
        *("en-gb", "en-gb+m4", "en-gb-x-rp+f1", "en-gb-scotland"),
    ),
}
_KOKORO = {
    True: ("jf_nezumi", "jf_tebukuro", "jf_nezumi+jf_tebukuro"),
    False: ("jf_alpha", "jf_gongitsune", "jm_kumo", "jm_kumo:3+jf_alpha", "jf_alpha+jf_gongitsune"),
}
_FLITE = {True: ("kal16", "awb"), False: ("slt", "rms")}
_PIPER: dict[bool, tuple[float, ...]] = {True: (), False: (1.0, 0.94, 1.07)}
"""The one voice there is, higher and lower."""


@dataclass(frozen=True)
class Voice:
    """A voice of one of the `FAMILIES`."""

    family: str
    name: str
    synthesise: Callable[[str, float], Float32] = field(repr=False, compare=False)
    """Text at a speed to samples at 16 kHz."""

    def say(self, text: str, speed: float = 1.0) -> Float32:
        """`text` as float32 [n] at 16 kHz, without the silence around it; kept in `FOLDER`."""
        key = f"wake|{self.family}|{self.name}|{speed:g}|{text}"
        path = FOLDER / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npy"
        if not path.exists():
            FOLDER.mkdir(parents=True, exist_ok=True)
            pcm = _sounding(self.synthesise(text, speed))
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                np.save(file, np.round(pcm / np.abs(pcm).max() * 32000).astype(np.int16))
            part.replace(path)
        samples: Float32 = np.load(path).astype(np.float32) / 32768
        return samples


def voices(*, tuned: bool) -> Iterator[Voice]:
    """All voices that are there: without the kit of `tests.real` only flite's and espeak's."""
    for pitch in _PIPER[tuned] if there("piper") else ():
        yield Voice("Piper", f"joe x {pitch:g}", partial(_joe, pitch))
    for name in _KOKORO[tuned] if there("kokoro") else ():
        yield Voice("Kokoro", name, partial(_kokoro, name))
    for name in _FLITE[tuned]:
        yield Voice("flite", name, partial(_flite, name))
    for name in _ESPEAK[tuned]:
        yield by_espeak(name)


def by_espeak(name: str) -> Voice:
    """A voice of espeak's, with its variant: `en-us+f3`."""
    return Voice("espeak", name, partial(_espeak, name))


def there(part: str) -> bool:
    """Whether a part of the kit of `tests.real` is."""
    return (kit.home() / part.lower()).is_dir()


def _joe(pitch: float, text: str, speed: float) -> Float32:
    """Piper's voice higher and faster, or lower and slower, as a tape is."""
    pcm = _spoken(_engine(Piper, voice=str(kit.piper()), speed=speed / pitch), text)
    pitched: Float32 = soxr.resample(pcm, RATE * pitch, RATE)
    return pitched


def _kokoro(name: str, text: str, speed: float) -> Float32:
    model = str(kit.kokoro())
    return _spoken(_engine(Kokoro, model=model, voice=name, language="en-us", speed=speed), text)


def _espeak(name: str, text: str, speed: float) -> Float32:
    return _spoken(_engine(Espeak, voice=name, speed=round(150 * speed)), text)


def _flite(name: str, text: str, speed: float) -> Float32:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        options = ["-voice", name, "--setf", f"duration_stretch={1 / speed}", "-t", text]
        subprocess.run(["flite", *options, "-o", str(path)], check=True)
        pcm, rate = read_audio(path)
    resampled: Float32 = soxr.resample(pcm, rate, RATE)
    return resampled


@lru_cache(maxsize=3)
def _engine(kind: Callable[..., TextToSpeech], **options: Any) -> TextToSpeech:
    """An engine: loading one takes longer than a sentence."""
    return kind(**options)


def _spoken(tts: TextToSpeech, text: str) -> Float32:
    async def run() -> Float32:
        await tts.load()
        async with tts.open() as utterance:
            await utterance.feed(text)
            await utterance.finish()
            return np.concatenate([speech.pcm async for speech in utterance])

    pcm: Float32 = soxr.resample(anyio.run(run), tts.sample_rate, RATE)
    return pcm


def _sounding(pcm: Float32) -> Float32:
    loud = np.flatnonzero(np.abs(pcm) > 0.02 * np.abs(pcm).max())
    return pcm[max(0, loud[0] - 320) : loud[-1] + 320]
