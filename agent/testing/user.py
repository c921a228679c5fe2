"""The scripted user's voice: what they say as sound, and a microphone that it is said into.

Whoever tests an agent and no recogniser has it understand what the script says (`Script`), as far
as that has been spoken; when a turn begins and ends is still heard in the sound.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.resample import resample
from agent.events import MICROPHONE_RATE as RATE
from agent.events import Audio
from agent.testing.inline import spoken
from stt import Transcript
from tts import TextToSpeech

Float32 = NDArray[np.float32]

BLOCK = 320
LOUDNESS = 0.1
"""Root mean square of the voice: -20 dBFS."""
ROOM = 1e-5
"""That of a quiet room: nothing at all is a dead microphone."""


@dataclass(frozen=True, slots=True)
class Pronounced:
    """What the user says: float32 [n] at 16 kHz, and its words with the samples they begin at."""

    pcm: Float32
    words: Sequence[tuple[int, str]]


async def pronounced(tts: TextToSpeech, parts: Sequence[str | float]) -> Pronounced:
    """Texts as they sound, and seconds of silence between them. Raises TextToSpeechError."""
    pieces: list[Float32] = []
    words: list[tuple[int, str]] = []
    length = 0
    for part in parts:
        if isinstance(part, str):
            sound = [speech.pcm for speech in await spoken(tts, part)]
            pcm = resample(np.concatenate(sound), tts.sample_rate, RATE) if sound else _silence(0)
            pcm = _at_loudness(_trimmed(pcm))
            said = part.split()
            # By their letters: what a recogniser would have by then.
            letters = np.cumsum([0, *(len(word) + 1 for word in said)])
            starts = letters / max(int(letters[-1]), 1) * len(pcm) + length
            words += [(int(start), word) for start, word in zip(starts, said, strict=False)]
        else:
            pcm = _silence(part)
        pieces.append(pcm)
        length += len(pcm)
    return Pronounced(np.concatenate(pieces), words)


class Microphone:
    """A microphone into which a scripted user speaks, in time: a stage."""

    def __init__(self, noise: float | None) -> None:
        """`noise`: decibels of the user's voice over it; None for a quiet room."""
        self.sound: list[Float32] = []
        """All that it has heard."""
        self._level = ROOM if noise is None else LOUDNESS / 10 ** (noise / 20)
        self._random = np.random.default_rng(0)
        self._said = _silence(0)  # that is still to be said
        self.words: list[str] = []
        """All that have been spoken, the one that is being spoken too."""
        self._coming: list[tuple[int, str]] = []
        self._silent = anyio.Event()

    async def say(self, what: Pronounced) -> None:
        """Say it, from now on; returns when it has been said."""
        self._silent = anyio.Event()
        self._coming += [(start + len(self._said), word) for start, word in what.words]
        self._said = np.concatenate((self._said, what.pcm))
        await self._silent.wait()

    async def __call__(
        self, _: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        """Send 20 ms blocks until it is cancelled."""
        began, sent = anyio.current_time(), 0
        while True:
            await anyio.sleep_until(began + (sent + BLOCK) / RATE)
            pcm = (self._level * self._random.standard_normal(BLOCK)).astype(np.float32)
            part, self._said = self._said[:BLOCK], self._said[BLOCK:]
            pcm[: len(part)] += part
            np.clip(pcm, -1, 1, out=pcm)
            self.sound.append(pcm)
            self.words += [word for start, word in self._coming if start < BLOCK]
            self._coming = [(s - BLOCK, word) for s, word in self._coming if s >= BLOCK]
            await send.send(Audio(pcm, RATE, began + sent / RATE))
            sent += BLOCK
            if not len(self._said):
                self._silent.set()


class Script:
    """A recogniser that reads along: it understands what the user says, word for word."""

    sample_rate = RATE

    def __init__(self) -> None:
        self.microphone = Microphone(None)
        """What the user speaks into; another one for each case."""
        self._understood = 0  # words of earlier utterances

    def begin(self, microphone: Microphone) -> None:
        """Another conversation begins."""
        self.microphone, self._understood = microphone, 0

    async def load(self) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do."""

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator["_Reading"]:
        """Understand one utterance."""
        reading = _Reading(self.microphone.words, self._understood)
        yield reading
        self._understood = reading.until


class _Reading:
    def __init__(self, words: Sequence[str], first: int) -> None:
        self._words, self._first = words, first
        self.until = first

    async def feed(self, _: Float32) -> Transcript | None:
        """The words so far."""
        return await self.finish() if len(self._words) > self.until else None

    async def finish(self) -> Transcript:
        """The words so far."""
        self.until = len(self._words)
        return Transcript(" ".join(self._words[self._first : self.until]))


def _silence(seconds: float) -> Float32:
    return np.zeros(round(seconds * RATE), np.float32)


def _trimmed(pcm: Float32) -> Float32:
    """Without the silence around it: what is waited after a word is up to the case."""
    loud = np.flatnonzero(np.abs(pcm) > 0.01 * max(float(np.abs(pcm).max(initial=0)), 1e-6))
    return pcm[loud[0] : loud[-1] + 1] if len(loud) else pcm


def _at_loudness(pcm: Float32) -> Float32:
    power = float(np.sqrt(np.mean(np.square(pcm)))) if len(pcm) else 0.0
    return pcm * np.float32(LOUDNESS / power) if power else pcm
