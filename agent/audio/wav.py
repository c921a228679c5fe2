"""Audio files: any that FFmpeg knows are read, WAV is written as the sound goes by."""

import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent.audio.channels import ChannelMixer
from agent.audio.resample import Resampler
from agent.errors import AudioError
from agent.guards.background import BackgroundFile
from agent.guards.files import Tell, explained, overwrite
from tts.sound import SoundError, SoundFile

LONGEST = 3600.0
"""Seconds of a file that is read whole, by default: 230 MB at 16 kHz."""


def read_audio(
    path: str | PathLike[str], *, longest: float = LONGEST
) -> tuple[NDArray[np.float32], int]:
    """Read a file whole: mono float32 [n] in [-1, 1], and its rate in Hz; as `AudioFile` does.

    Raises AudioError, also for one that is longer than `longest` seconds.
    """
    with AudioFile(path) as file:
        blocks, left = [], longest * file.sample_rate
        for block in file:
            blocks.append(block)
            left -= len(block)
            if left < 0:
                raise AudioError(f"{path} is longer than {longest / 60:g} minutes; cut it")
        return np.concatenate(blocks), file.sample_rate


class AudioFile:
    """Reader of a file's first audio stream: an iterable of blocks, mono float32 [n] in [-1, 1].

    WAV (any PCM or float format, any rate and channel count), FLAC, MP3, M4A and the like. No voice
    is lost by the mix: see `ChannelMixer`. Of a file that is cut short, what is there. A context
    manager, which needs the same memory for a file of any length. Blocks while it reads.

    Entering and iterating raise AudioError when there is no such file, no sound in it, or no
    decoder for it.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._path = path

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self._sound.sample_rate

    @property
    def duration(self) -> float | None:
        """In seconds, by its header; None where that says nothing that can be relied on."""
        return self._sound.duration

    def __enter__(self) -> Self:
        with ExitStack() as stack, self._errors():
            file = stack.enter_context(open(self._path, "rb"))
            self._sound = stack.enter_context(SoundFile(file))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        mixer = ChannelMixer(self.sample_rate)
        empty = True
        with self._errors():
            for block in self._sound:
                empty = empty and not len(block)
                yield np.clip(np.nan_to_num(mixer.mix(block)), -1, 1)
        if empty:
            raise AudioError(f"{self._path} holds no sound (zero samples); record it again")

    def at(self, rate: int) -> Iterator[NDArray[np.float32]]:
        """Return the blocks converted to `rate` Hz; some may be empty. Raises AudioError."""
        resampler = Resampler(self.sample_rate, rate, "high")
        for block in self:
            yield resampler.process(block)
        yield resampler.flush()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise AudioError(f"{self._path}: no such file; check the path") from None
        except IsADirectoryError:
            raise AudioError(f"{self._path} is a folder; name an audio file in it") from None
        except SoundError as error:
            raise AudioError(f"{self._path} {error}; convert it to WAV") from None
        except OSError as error:
            reason = error.strerror or error
            raise AudioError(f"{self._path} cannot be read: {reason}") from error


class WavWriter:
    """A 16-bit WAV file that grows as it is written, and is whole at any moment.

    A context manager; raises AudioError when the file cannot be made or written. The header is
    brought up to date once a second, so that a killed process leaves a file that plays.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        sample_rate: int,
        channels: int = 1,
        *,
        private: bool = False,
    ) -> None:
        """`private`: if it is new, nobody but the user may read it."""
        self._path = Path(path)
        self._sample_rate = sample_rate
        self._channels = channels
        self._private = private
        self._bytes = 0
        self._committed = 0

    def __enter__(self) -> Self:
        with explained(self._path, AudioError):
            self._file = os.fdopen(overwrite(self._path, private=self._private), "r+b")
        self._commit()
        return self

    def write(self, pcm: ArrayLike) -> None:
        """Append samples in [-1, 1], [n] or, for several channels, [n, channels]; louder clips."""
        samples = np.asarray(pcm, np.float32)
        if samples.shape[1:] != ((self._channels,) if self._channels > 1 else ()):
            raise ValueError(f"{self._channels} channel(s) cannot be written from {samples.shape}")
        data = pcm16(samples)
        with explained(self._path, AudioError):
            self._file.write(data)
        self._bytes += len(data)
        if self._bytes - self._committed >= self._sample_rate * self._channels * 2:
            self._commit()

    def _commit(self) -> None:
        """Write the header for what is there."""
        with explained(self._path, AudioError):
            self._file.seek(0)
            self._file.write(wav_header(self._sample_rate, self._channels, self._bytes))
            self._file.seek(0, 2)
            self._file.flush()
        self._committed = self._bytes

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._commit()
        finally:
            with explained(self._path, AudioError):
                self._file.close()


def wav_in_background(
    path: Path, descriptor: int, tell: Tell, sample_rate: int, channels: int = 1
) -> BackgroundFile:
    """Return a WAV file that no slow or full disk holds up; it is written as `pcm16`."""
    header = partial(wav_header, sample_rate, channels)
    return BackgroundFile(path, descriptor, tell, header=header, frame=2 * channels)


def wav_header(sample_rate: int, channels: int, size: int) -> bytes:
    """Return what stands before `size` bytes of `pcm16`."""
    frame = 2 * channels
    size = min(size, 0xFFFFFFFF - 36)  # past 4 GiB a WAV cannot say how long it is
    header = struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE")
    header += struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 1, channels, sample_rate, sample_rate * frame, frame, 16
    )
    return header + struct.pack("<4sI", b"data", size)


def pcm16(samples: NDArray[np.float32]) -> bytes:
    """Return samples in [-1, 1], [n] or [n, channels], as they stand in a WAV; louder clips."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()
