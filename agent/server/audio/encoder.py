"""Speech as a file of any kind, while it is being spoken: nothing is written twice or sought."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import Resampler
from agent.audio.stretch import Stretch
from agent.audio.wav import pcm16, wav_header

RATE = 24000
"""The rate in Hz of what is sent, but for Opus, which has its own."""
UNKNOWN = b"\xff\xff\xff\xff"
"""Both sizes in the header of a WAV file whose end is not known yet."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: its media type, and for PyAV its container, codec, rate and options."""

    media_type: str
    container: str = ""
    codec: str = ""
    rate: int = RATE
    options: tuple[tuple[str, str], ...] = ()


KINDS = {
    "mp3": Kind("audio/mpeg", "mp3", "libmp3lame", options=(("write_xing", "0"),)),
    "opus": Kind("audio/ogg", "ogg", "libopus", 48000, (("page_duration", "20000"),)),
    "aac": Kind("audio/aac", "adts", "aac"),
    "flac": Kind("audio/flac", "flac", "flac"),
    "wav": Kind("audio/wav"),
    "pcm": Kind("audio/pcm"),
}
"""What `response_format` may be."""


class Encoder:
    """Encoder of mono float32 into one of `KINDS`. It computes: call it in a worker thread."""

    def __init__(self, kind: str, sample_rate: int, speed: float = 1.0) -> None:
        """Take samples at `sample_rate` Hz, to be heard at `speed` times their speed."""
        self._kind = KINDS[kind]
        self._stretch = Stretch(sample_rate, speed) if speed != 1.0 else _as_they_are
        self._resampler = Resampler(sample_rate, self._kind.rate, "high")
        self._sink = _Sink()
        self._file = _Samples(kind, self._sink) if not self._kind.codec else None
        self._container: Any = None
        self._stream: Any = None
        if self._file is None:
            self._container, self._stream = self._open()

    def feed(self, pcm: NDArray[np.float32]) -> bytes:
        """Encode the next samples [n]; returns what is ready, which may be nothing."""
        self._write(self._resampler.process(self._stretch(pcm)))
        return self._sink.take()

    def finish(self) -> bytes:
        """Encode what is left, and end the file."""
        if isinstance(self._stretch, Stretch):
            self._write(self._resampler.process(self._stretch.finish()))
        self._write(self._resampler.flush())
        if self._container is not None:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        return self._sink.take()

    def _open(self) -> tuple[Any, Any]:
        import av

        container = av.open(
            self._sink, "w", format=self._kind.container, options=dict(self._kind.options)
        )
        stream: Any = container.add_stream(self._kind.codec, rate=self._kind.rate)
        stream.layout = "mono"
        return container, stream

    def _write(self, pcm: NDArray[np.float32]) -> None:
        if not len(pcm):
            return
        if self._file is not None:
            self._file.write(pcm)
            return
        import av

        # The codec's own format and block: the stream converts and gathers.
        samples = np.frombuffer(pcm16(pcm), np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
        frame.sample_rate = self._kind.rate
        self._container.mux(self._stream.encode(frame))


def _as_they_are(pcm: NDArray[np.float32]) -> NDArray[np.float32]:
    return pcm


class _Samples:
    """Samples of 16 bits, behind a header of a WAV file if it is one."""

    def __init__(self, kind: str, sink: "_Sink") -> None:
        self._sink = sink
        if kind == "wav":
            header = wav_header(RATE, 1, 0)
            sink.write(header[:4] + UNKNOWN + header[8:40] + UNKNOWN)

    def write(self, pcm: NDArray[np.float32]) -> None:
        self._sink.write(pcm16(pcm))


class _Sink:
    """What PyAV writes to: a file without a way back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take bytes."""
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Return what has been written since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data
