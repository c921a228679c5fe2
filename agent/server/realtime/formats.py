"""Audio as it is on the wire: PCM at 24 kHz, or G.711 by either law at 8 kHz."""

import binascii
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import Resampler
from agent.server.realtime.errors import RealtimeError

Kind = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
RATES: dict[Kind, int] = {"audio/pcm": 24000, "audio/pcmu": 8000, "audio/pcma": 8000}
"""Samples a second."""
WIDTH: dict[Kind, int] = {"audio/pcm": 2, "audio/pcmu": 1, "audio/pcma": 1}
"""Bytes a sample."""

MAX_AUDIO = 15 << 20
"""Bytes of sound in one event, before base64."""
SLICE = 1 << 18
"""Characters of base64 that are read at once: a fraction of a millisecond."""

_BIAS = 132
"""Of µ-law's logarithm."""


@dataclass(frozen=True, slots=True)
class Coded:
    """Samples as a client sent them; they are made linear where they are heard, piece by piece."""

    codes: NDArray[np.int16] | NDArray[np.uint8]
    rate: int
    kind: Kind = "audio/pcm"

    @classmethod
    def read(cls, data: bytes, kind: Kind) -> "Coded":
        """Return the samples [n] in a client's bytes. Raises RealtimeError for half a sample."""
        if len(data) % WIDTH[kind]:
            message = f"{len(data)} bytes are no whole number of samples of 2 bytes"
            raise RealtimeError(message, param="audio")
        if kind == "audio/pcm":
            return cls(np.frombuffer(data, "<i2").astype(np.int16, copy=False), RATES[kind], kind)
        return cls(np.frombuffer(data, np.uint8), RATES[kind], kind)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, piece: slice) -> "Coded":
        return Coded(self.codes[piece], self.rate, self.kind)

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.codes) / self.rate

    def pcm(self) -> NDArray[np.int16]:
        """Return linear samples [n]."""
        if self.codes.dtype == np.int16:
            return self.codes  # type: ignore[return-value]
        return (_FROM_MU if self.kind == "audio/pcmu" else _FROM_A)[self.codes]

    def linear(self) -> NDArray[np.float32]:
        """Return linear samples [n] in [-1, 1]."""
        return self.pcm().astype(np.float32) / np.float32(32768)


def from_base64(text: str) -> bytes:
    """The bytes of base64, read in slices: other threads have their turn. Raises RealtimeError."""
    if len(text) > MAX_AUDIO * 4 // 3 + 4:
        message = f"an event holds at most {MAX_AUDIO >> 20} MiB of audio: append it in pieces"
        raise RealtimeError(message, param="audio")
    parts = []
    try:
        for start in range(0, len(text), SLICE):
            parts.append(binascii.a2b_base64(text[start : start + SLICE], strict_mode=True))
            if len(parts[-1]) * 4 < SLICE * 3 and start + SLICE < len(text):
                raise ValueError("it ends before its end")  # noqa: TRY301
    except ValueError as error:
        raise RealtimeError(f"the audio is not base64: {error}"[:200], param="audio") from None
    return b"".join(parts)


def encode(pcm: NDArray[np.float32], kind: Kind) -> bytes:
    """Bytes of float32 samples [n] in [-1, 1]."""
    samples = np.clip(np.rint(pcm * 32767), -32768, 32767).astype(np.int16)
    if kind == "audio/pcm":
        return samples.astype("<i2").tobytes()
    table = _TO_MU if kind == "audio/pcmu" else _TO_A
    return table[samples.view(np.uint16)].tobytes()


class Encoder:
    """An encoder converts a stream of samples at one rate to bytes at the format's."""

    def __init__(self, sample_rate: int, kind: Kind) -> None:
        self._kind = kind
        self._resampler = Resampler(sample_rate, RATES[kind], "high")

    def add(self, pcm: NDArray[np.float32]) -> bytes:
        """Convert more; the resampler holds back a little."""
        return encode(self._resampler.process(pcm), self._kind)

    def finish(self) -> bytes:
        """Convert the rest."""
        return encode(self._resampler.flush(), self._kind)


def _mu_values() -> NDArray[np.int16]:
    """G.711's µ-law: 8 segments of a logarithm, each in 16 steps, all bits inverted."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + _BIAS) << ((code >> 4) & 7)) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _a_values() -> NDArray[np.int16]:
    """G.711's A-law: the first segment is linear, every other bit inverted."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment, step = (code >> 4) & 7, (code & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _codes(values: NDArray[np.int16]) -> NDArray[np.uint8]:
    """The nearest code of every sample, by the sample's bits."""
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.float64)
    order = np.argsort(values, kind="stable")
    ordered = values[order].astype(np.float64)
    return order[np.searchsorted((ordered[1:] + ordered[:-1]) / 2, samples, "right")].astype(
        np.uint8
    )


_FROM_MU, _FROM_A = _mu_values(), _a_values()
_TO_MU, _TO_A = _codes(_FROM_MU), _codes(_FROM_A)
