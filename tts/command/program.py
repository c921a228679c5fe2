"""What an engine has to do with a program, of whatever kind: its end, its failures, its WAVs."""

import contextlib
import io
import os
import signal

import numpy as np
from anyio.abc import Process
from numpy.typing import NDArray

from tts.protocol import TextToSpeechError
from tts.sound import SoundError, SoundFile

MAX_WAV = 1 << 24
"""Bytes that a program may write for one clause, which has 300 characters at most."""
MAX_MESSAGE, MAX_SAID = 1 << 12, 300
"""Bytes of what it says of errors that are kept, from the end, and characters that are told."""
LONGEST = 120
"""Seconds that a clause may last."""


def keep_message(said: bytearray, data: bytes) -> None:
    """Keep the end of what a program says of errors."""
    said.extend(data)
    del said[:-MAX_MESSAGE]


def failure(program: str, status: int, said: bytes) -> str:
    """Say how a program ended."""
    lines = said.decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
    if status < 0:
        return f"{program} was ended by {signal.Signals(-status).name}"
    return f"{program} failed with exit status {status}: {last[:MAX_SAID]}"


def too_much(program: str) -> str:
    """Say that a program writes and writes."""
    return f"{program} writes without end (over {MAX_WAV >> 20} MB for one clause): check `command`"


def cannot_run(program: str, error: OSError) -> TextToSpeechError:
    """Say that a program cannot be run."""
    return TextToSpeechError(
        f"program '{program}' cannot be run ({error.strerror}): install it, or correct `command`"
    )


def end_group(process: Process) -> None:
    """Kill a program that was started in a group of its own, with all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:  # Windows
            process.kill()


def decode_wav(wav: bytes, sample_rate: int) -> NDArray[np.float32]:
    """Decode any WAV to mono float32 [n] at `sample_rate`. Raises ValueError; blocks."""
    if not wav:
        raise ValueError("made no output")
    blocks, left = [np.zeros(0, np.float32)], LONGEST * sample_rate
    try:
        with SoundFile(io.BytesIO(wav), kind="wav", rate=sample_rate) as sound:
            for block in sound:
                blocks.append(block.mean(axis=1).astype(np.float32))
                left -= len(block)
                if left < 0:
                    raise ValueError(f"speaks for more than {LONGEST} s in one clause")
    except SoundError as error:
        raise ValueError(f"what it made {error}") from error
    return np.clip(np.concatenate(blocks), -1, 1)
