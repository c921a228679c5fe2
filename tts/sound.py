"""Sound files of any kind that FFmpeg knows, block by block, whatever their headers say."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO, Literal, Self

import numpy as np
from numpy.typing import NDArray

RATES = range(1_000, 768_001)
"""In Hz. Beyond it a header is damaged: one that says 1 Hz makes hours of a few bytes."""
CHANNELS = range(1, 65)
EXACT = ("flac", "mov", "ogg", "matroska", "webm")
"""Containers that say how long they are; others guess, or have what a streaming writer left."""
MAX_HEAD = 1 << 25
"""Bytes before the first sample: pictures and lyrics, which FFmpeg keeps."""
MAX_NOTES = 1 << 20
"""Bytes of a RIFF file's title, artist and so on."""
MAX_CHUNKS = 10_000
"""Chunks of a RIFF file."""
_RIFF: dict[bytes, Literal["little", "big"]] = {
    b"RIFF": "little",
    b"RF64": "little",
    b"BW64": "little",
    b"RIFX": "big",
}


class SoundError(ValueError):
    """A file is no sound that can be read; the message completes "the file …"."""


class SoundFile:
    """Reader of a file's first audio stream: an iterable of blocks, float64 [n, channels].

    A context manager. Of a file that is cut short, it gives what is there. Blocks while it reads.
    Entering and iterating raise SoundError.
    """

    def __init__(self, file: BinaryIO, *, kind: str | None = None, rate: int | None = None) -> None:
        """`kind` is FFmpeg's name of the format, if it is known; `rate` in Hz is resampled to."""
        self._source = _Head(file)
        self._kind = kind
        self._rate = rate
        self.sample_rate = rate or 0
        """In Hz: that of the file if no other is wanted."""

    def __enter__(self) -> Self:
        import av

        self._source.check_notes()
        with ExitStack() as stack:
            try:
                self._container = stack.enter_context(
                    av.open(self._source, mode="r", format=self._kind, metadata_errors="ignore")
                )
            except av.error.FFmpegError:
                raise self._not_one() from None
            self._stream = next(iter(self._container.streams.audio), None)
            rate = _rate(self._stream)
            self.sample_rate = self._rate or rate
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def duration(self) -> float | None:
        """In seconds, by its header; None where that does not count."""
        kinds = self._container.format.name.split(",")
        length = self._container.duration
        return length / 1e6 if length and any(kind in EXACT for kind in kinds) else None

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        import av

        begun = False
        try:
            for frame in self._frames():
                self._source.passed = begun = True
                yield _samples(frame)
        except (av.error.FFmpegError, IndexError):
            if not begun:
                raise self._not_one() from None

    def _not_one(self) -> SoundError:
        if self._source.exceeded:
            return SoundError(f"has no sound in its first {MAX_HEAD >> 20} MB")
        what = "an audio" if self._kind is None else f"a {self._kind.upper()}"
        return SoundError(f"is not {what} file, or its header is damaged")

    def _frames(self) -> Iterator[Any]:
        """The frames, in a format that numpy has, too, and at the rate that is wanted."""
        import av

        frames: Iterator[Any] = iter(self._container.decode(self._stream))
        first = next(frames, None)
        if first is None:
            return
        frames = itertools.chain([first], frames)
        wide = first.format.name in {"s64", "s64p"}
        if not wide and self.sample_rate == first.sample_rate:
            yield from frames
            return
        resampler = av.AudioResampler(format="dbl" if wide else "flt", rate=self.sample_rate)
        for frame in itertools.chain(frames, [None]):
            yield from resampler.resample(frame)  # None: what it held back


def _rate(stream: Any) -> int:
    """The rate of an audio stream, in Hz. Raises SoundError for what cannot be heard."""
    if stream is None or stream.codec_context is None:
        raise SoundError("has no audio that can be decoded")
    rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
    if rate not in RATES or channels not in CHANNELS:
        raise SoundError(
            f"has {channels:,} channels at {rate:,} Hz by its header, as no recording has"
        )
    return int(rate)


class _Head:
    """A file that may be read so far until the first sample of it has been."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_HEAD
        self.passed = False
        self.exceeded = False
        self.seekable = file.seekable
        self.tell = file.tell
        self.seek = file.seek

    def check_notes(self) -> None:
        """Look through a RIFF file for notes that FFmpeg would make room for before it reads them.

        Raises SoundError.
        """
        if not self.seekable():
            return
        start = self.tell()
        order = _RIFF.get(self._file.read(12)[:4])
        place = start + 12
        chunks = range(MAX_CHUNKS) if order is not None else ()
        for _ in chunks:
            chunk = self._file.read(12)  # name, size, and perhaps the kind of a list
            size = int.from_bytes(chunk[4:8], order or "little")
            if chunk[:4] == b"LIST" and chunk[8:] == b"INFO" and size > MAX_NOTES:
                raise SoundError(f"has {size:,} bytes of notes by its header")
            if len(chunk) < 12:
                break
            place += 8 + size + size % 2
            self.seek(place)
        else:
            if chunks:
                raise SoundError(f"has more than {MAX_CHUNKS:,} chunks")
        self.seek(start)

    def read(self, size: int = -1) -> bytes:
        if self.exceeded:
            return b""
        data = self._file.read(size)
        self._left -= len(data)
        self.exceeded = self._left < 0 and not self.passed
        return data


def _samples(frame: Any) -> NDArray[np.float64]:
    """The samples of a frame, [n, channels] at full scale 1."""
    pcm = frame.to_ndarray()
    if frame.format.is_packed:
        pcm = pcm.reshape(-1, frame.layout.nb_channels).T
    samples: NDArray[np.float64] = pcm.T.astype(np.float64)
    if pcm.dtype.kind != "f":
        full_scale = 2.0 ** (8 * pcm.dtype.itemsize - 1)
        samples = samples / full_scale - (pcm.dtype.kind == "u")  # unsigned: zero is half way up
    return samples
