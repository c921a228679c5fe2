"""Audio files: any that FFmpeg knows are read whole, WAV is written as the sound goes by."""

import os
import struct
from functools import partial
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent.audio.channels import ChannelMixer
from agent.errors import AudioError
from agent.guards.background import BackgroundFile
from agent.guards.files import Tell, explained, overwrite


def read_audio(path: str | PathLike[str]) -> tuple[NDArray[np.float32], int]:
    """The file's first audio stream, mixed down to mono float32 [n] in [-1, 1], and its rate in Hz.

    No voice is lost by that: see `ChannelMixer`.

    WAV (any PCM or float format, any rate and channel count), FLAC, MP3, M4A and the like. Of a
    file that is cut short, what is there. Blocks while it reads.

    Raises AudioError when there is no such file, no sound in it, or no decoder for it.
    """
    try:
        with open(path, "rb") as file:
            pcm, sample_rate = _decode(file, path)
    except FileNotFoundError:
        raise AudioError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise AudioError(f"{path} is a folder; name an audio file in it") from None
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror or error}") from error
    if not len(pcm):
        raise AudioError(f"{path} holds no sound (zero samples); record it again")
    return np.clip(np.nan_to_num(pcm), -1, 1), sample_rate


def _decode(file: BinaryIO, path: str | PathLike[str]) -> tuple[NDArray[np.float32], int]:
    import av

    blocks: list[NDArray[np.float32]] = [np.zeros(0, np.float32)]
    sample_rate = 0
    try:
        with av.open(file, mode="r", metadata_errors="ignore") as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None or stream.codec_context is None:
                raise AudioError(f"{path} has no audio that can be decoded; convert it to WAV")
            sample_rate = stream.codec_context.sample_rate
            mixer = ChannelMixer(sample_rate)
            blocks.extend(mixer.mix(_channels(frame)) for frame in container.decode(stream))
    except av.error.FFmpegError:
        if len(blocks) == 1:
            raise AudioError(
                f"{path} is not an audio file, or its header is damaged; convert it to WAV"
            ) from None
    return np.concatenate(blocks), sample_rate


def _channels(frame: Any) -> NDArray[np.float64]:
    """The samples of a decoded frame, [n, channels] at full scale 1."""
    pcm = frame.to_ndarray()
    if frame.format.is_packed:
        pcm = pcm.reshape(-1, frame.layout.nb_channels).T
    samples: NDArray[np.float64] = pcm.T.astype(np.float64)
    if pcm.dtype.kind != "f":
        full_scale = 2.0 ** (8 * pcm.dtype.itemsize - 1)
        samples = samples / full_scale - (pcm.dtype.kind == "u")  # unsigned: zero is half way up
    return samples


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
