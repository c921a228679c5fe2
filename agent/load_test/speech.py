"""What the users say, as the frames in which a client sends it."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import resample
from agent.audio.wav import read_audio
from agent.errors import AudioError

RATE = 24000
"""Hz, the protocol's."""
BLOCK = 0.02
"""Seconds of sound in a frame."""
LONGEST = 60.0
"""Seconds of a recording."""
_FAINT = 0.1
"""Of a recording's loudest block: the speech lies between its first and its last so loud one."""
_ROOM = 3e-4
"""The loudness of a quiet room, which no microphone is without."""


def frame(pcm: NDArray[np.float32]) -> str:
    """Return the event that appends float32 [n] at `RATE` to what the server hears."""
    samples = (np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes()
    audio = base64.b64encode(samples).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio})


def sentence(path: Path) -> list[str]:
    """Return the frames of a recording, from its first word to its last. Raises AudioError."""
    pcm, rate = read_audio(path, longest=LONGEST)
    return _frames(_speech(resample(pcm, rate, RATE), path))


def room() -> list[str]:
    """Return a second of a room in which nobody speaks."""
    noise = np.random.default_rng(1).standard_normal(RATE)
    return _frames((noise * _ROOM).astype(np.float32))


def seconds(frames: Sequence[str]) -> float:
    """Return how long they sound."""
    return len(frames) * BLOCK


def _speech(pcm: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    """The blocks from the first loud one to the last."""
    size = round(RATE * BLOCK)
    blocks = pcm[: len(pcm) // size * size].reshape(-1, size)
    peaks = np.abs(blocks).max(axis=1) if len(blocks) else np.zeros(1)
    loud = np.flatnonzero(peaks > peaks.max() * _FAINT)
    if not len(loud):
        raise AudioError(f"{path} is silent: a recording of somebody who speaks is needed")
    return blocks[loud[0] : loud[-1] + 1].reshape(-1)


def _frames(pcm: NDArray[np.float32]) -> list[str]:
    size = round(RATE * BLOCK)
    return [frame(pcm[start : start + size]) for start in range(0, len(pcm), size)]
