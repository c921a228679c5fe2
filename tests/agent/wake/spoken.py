"""Somebody speaks, and an engine listens."""

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import resample
from agent.wake.engine import SAMPLE_RATE, WakeWord, WakeWordEngine
from tts.espeak import Espeak

BLOCK = 1536
"""Samples that an engine is given at a time."""


def spoken(text: str, voice: str = "en-us+f3", *, noise: float = -62.0) -> NDArray[np.float32]:
    """`text` as `speak` gives it."""

    async def run() -> NDArray[np.float32]:
        return await speak(text, voice, noise=noise)

    return anyio.run(run)


async def speak(text: str, voice: str = "en-us+f3", *, noise: float = -62.0) -> NDArray[np.float32]:
    """`text` at -26 dBFS in a room with `noise` dBFS, with a second before and after it."""
    tts = Espeak(voice=voice, speed=150)
    await tts.load()
    async with tts.open() as utterance:
        await utterance.feed(text)
        await utterance.finish()
        pieces = [speech.pcm async for speech in utterance]
    pcm = resample(np.concatenate(pieces), tts.sample_rate, SAMPLE_RATE)
    pcm *= 10 ** (-26 / 20) / np.sqrt(np.mean(pcm[np.abs(pcm) > 0.01] ** 2))
    padded = np.pad(pcm, SAMPLE_RATE)
    random = np.random.default_rng(1)
    return (padded + random.normal(0, 10 ** (noise / 20), len(padded))).astype(np.float32)


def listen(engine: WakeWordEngine, pcm: NDArray[np.float32]) -> list[WakeWord]:
    """The wake words that a loaded engine hears."""
    blocks = (pcm[start : start + BLOCK] for start in range(0, len(pcm), BLOCK))
    return [word for block in blocks if (word := engine.hear(block)) is not None]
