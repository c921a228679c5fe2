"""Answers of a speech endpoint: samples as they come, a sound file, or why there is none."""

import io
import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from httpx2 import Response

MAX_SECONDS = 120
"""Of audio for one clause: its 300 characters take 30 at most."""
MAX_ERROR = 1 << 16
"""Bytes of an error's page that are read."""
_SAMPLES = {"", "audio/pcm", "audio/l16", "application/octet-stream", "audio/x-raw"}
_FILES = (b"RIFF", b"ID3", b"OggS", b"fLaC")


async def read_sound(response: "Response", sample_rate: int) -> AsyncGenerator[NDArray[np.float32]]:
    """Read samples (16 bits, mono, at `sample_rate`), or a sound file once it is whole.

    Yields float32 [n]. Raises ValueError; the message completes "the endpoint …".
    """
    read, odd, file = 0, b"", bytearray()
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    async with aclosing(response.aiter_raw()) as chunks:
        async for chunk in chunks:
            read += len(chunk)
            if read > MAX_SECONDS * sample_rate * 2:
                await _leave(chunks)
                raise ValueError(f"sent more than {MAX_SECONDS} s of sound for one clause")
            if file or kind not in _SAMPLES or (read == len(chunk) and chunk.startswith(_FILES)):
                file += chunk
                continue
            whole = odd + chunk  # a sample may be cut in two
            odd = whole[len(whole) & ~1 :]
            samples = np.frombuffer(whole[: len(whole) & ~1], "<i2")
            yield samples.astype(np.float32) / np.float32(32768)
    if file:
        yield await anyio.to_thread.run_sync(_decode, bytes(file), sample_rate)


async def read_reason(response: "Response") -> str:
    """Read why a server refuses, in its own words, wherever it puts them."""
    page = bytearray()
    async with aclosing(response.aiter_raw()) as chunks:
        async for chunk in chunks:
            page += chunk[:MAX_ERROR]
            if len(page) >= MAX_ERROR:
                await _leave(chunks)
                break
    try:
        words: Any = json.loads(page)
    except (ValueError, RecursionError):
        words = page.decode(errors="replace")
    for _ in range(2):  # {"error": {"message": …}}, {"detail": …}
        if isinstance(words, dict):
            words = next((words[k] for k in ("error", "message", "detail") if k in words), words)
    text = str(words).strip()
    return "a web page" if text.startswith("<") else text[:200] or "no reason given"


async def _leave(body: AsyncIterator[bytes]) -> None:
    """Leave a body early: cancelling its next read unwinds every generator below it."""
    with anyio.move_on_after(0):
        async for _ in body:
            pass


def _decode(file: bytes, sample_rate: int) -> NDArray[np.float32]:
    """Decode a sound file to mono float32 [n]. Raises ValueError; blocks."""
    import av

    blocks, samples = [np.zeros(0, np.float32)], 0
    resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
    try:
        with av.open(io.BytesIO(file), "r") as container:
            for frame in itertools.chain(container.decode(audio=0), [None]):
                blocks += [out.to_ndarray()[0] for out in resampler.resample(frame)]
                samples += len(blocks[-1])
                if samples > MAX_SECONDS * sample_rate:
                    break
    except (av.error.FFmpegError, IndexError):
        said = file[:60].decode(errors="replace").strip()
        raise ValueError(f"sent no sound: {said!r} (is base_url right, with /v1?)") from None
    return np.concatenate(blocks)[: MAX_SECONDS * sample_rate]
