"""Sound as Wyoming sends it: PCM of any rate, width and number of channels, to floats and back."""

import numpy as np
from numpy.typing import NDArray
from wyoming.audio import AudioChunk, AudioFormat

from agent.audio.channels import ChannelMixer
from agent.audio.resample import Resampler
from agent.server.wyoming.wire import EventError

RATES = (4000, 192_000)
"""Hz, the lowest and the highest."""
CHANNELS = 16
WIDTHS = (1, 2, 3, 4)
"""Bytes of a sample."""
OUT_WIDTH = 2
"""Bytes of the samples that we send."""


class Converter:
    """Converter of a stream of chunks, each of which says what it is, to mono float32."""

    def __init__(self, target: int) -> None:
        """`target` is the rate in Hz that is wanted."""
        self._target = target
        self._format: tuple[int, int, int] | None = None
        self._mixer = ChannelMixer(target)
        self._resampler = Resampler(target, target, "high")
        self._rest = b""

    def feed(self, given: AudioChunk) -> NDArray[np.float32]:
        """Return the next samples; a part of one waits for the rest of it. Raises EventError."""
        before = np.zeros(0, np.float32)
        if (given.rate, given.width, given.channels) != self._format:
            before = self.finish()
            self._format = _checked(given)
            self._mixer = ChannelMixer(given.rate)
            self._resampler = Resampler(given.rate, self._target, "high")
        frame = given.width * given.channels
        pcm = self._rest + given.audio
        end = len(pcm) // frame * frame
        self._rest = pcm[end:]
        samples = decode(pcm[:end], given.width).reshape(-1, given.channels)
        return np.concatenate((before, self._resampler.process(self._mixer.mix(samples))))

    def finish(self) -> NDArray[np.float32]:
        """Return what was held back."""
        self._rest = b""
        return self._resampler.flush()


def _checked(given: AudioFormat) -> tuple[int, int, int]:
    """Return rate, width and channels. Raises EventError for what is no sound."""
    numbers = (given.rate, given.width, given.channels)
    low, high = RATES
    if (
        any(not isinstance(n, int) or isinstance(n, bool) for n in numbers)
        or not low <= given.rate <= high
        or given.width not in WIDTHS
        or not 1 <= given.channels <= CHANNELS
    ):
        what = f"rate {given.rate}, width {given.width}, channels {given.channels}"
        raise EventError(
            f"no sound that can be heard: {what:.80} ({low} to {high} Hz, 1 to 4 bytes, up to "
            f"{CHANNELS} channels)"
        )
    return numbers


def decode(pcm: bytes, width: int) -> NDArray[np.float32]:
    """Return little-endian samples as floats in [-1, 1]; those of one byte are unsigned."""
    if width == 1:
        return np.frombuffer(pcm, np.uint8).astype(np.float32) / np.float32(128) - np.float32(1)
    if width == 3:
        padded = np.zeros((len(pcm) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(pcm, np.uint8).reshape(-1, 3)
        return padded.view("<i4")[:, 0].astype(np.float32) / np.float32(1 << 31)
    kind = "<i2" if width == 2 else "<i4"
    return np.frombuffer(pcm, kind).astype(np.float32) / np.float32(1 << (8 * width - 1))


def chunk(pcm: NDArray[np.float32], rate: int) -> AudioChunk:
    """Return floats as a chunk of 16 bits."""
    samples = np.clip(np.rint(pcm * 32767), -32768, 32767).astype("<i2")
    return AudioChunk(rate=rate, width=OUT_WIDTH, channels=1, audio=samples.tobytes())
