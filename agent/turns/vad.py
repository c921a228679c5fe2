"""Is this a voice? Silero VAD v6, streaming: one probability for every 32 ms of sound."""

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.errors import ParleyError
from agent.turns.shared_thread import SharedThread
from tts.extras import NAME, pip_install

SAMPLE_RATE = 16000
"""The rate in Hz of what `feed` expects."""

WINDOW = 512
"""Samples per probability (32 ms)."""

CONTEXT = 64
"""Samples of the previous window that the model sees before each window."""


class Vad(Protocol):
    """A voice activity detector with a memory of what it has heard.

    Each conversation has its own: a shallow copy of the one that was loaded, `reset` first, which
    therefore binds new state rather than clearing the old.
    """

    async def load(self) -> None:
        """Make ready. Raises ParleyError."""

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        """Hear more (mono, 16 kHz, any length): one probability per completed window."""

    def reset(self) -> None:
        """Forget everything heard."""


class SileroVad:
    """Silero VAD v6, the model that comes with faster-whisper.

    Fed piece by piece, it gives the probabilities that the model gives for the whole: the LSTM
    state and the context are carried from window to window, an incomplete window is kept.
    """

    def __init__(self) -> None:
        self._session: Any = None  # onnxruntime.InferenceSession
        self._rest: NDArray[np.float32]
        self._thread = SharedThread()
        self.reset()

    async def load(self) -> None:
        """Read the model. Raises ParleyError when it or onnxruntime is missing."""
        if self._session is None:
            self._session = await self._thread.run(_load_session)

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        """Hear more (mono, 16 kHz, any length): one probability per completed window.

        The model runs in a worker thread; a block that completes no window is only kept.
        Cancelled, it has heard the block all the same.
        """
        if self._session is None:
            raise ParleyError("the voice activity model is not loaded: await load() first")
        self._rest = np.concatenate((self._rest, pcm))
        windows = (len(self._rest) - CONTEXT) // WINDOW
        if windows < 1:
            return []
        end = windows * WINDOW
        heard, self._rest = self._rest[: end + CONTEXT], self._rest[end:]
        return await self._thread.run(partial(self._run, heard))

    def reset(self) -> None:
        """Forget everything heard."""
        self._rest = np.zeros(CONTEXT, np.float32)  # the next window's context, then its samples
        self._forget()

    def _forget(self) -> None:
        self._h = np.zeros((1, 1, 128), np.float32)
        self._c = np.zeros((1, 1, 128), np.float32)

    def _run(self, heard: NDArray[np.float32]) -> list[float]:
        """The probabilities of n windows from float32[64 + 512 n]."""
        windows = np.lib.stride_tricks.sliding_window_view(heard, CONTEXT + WINDOW)[::WINDOW]
        probabilities = []
        for window in windows:
            inputs = {"input": window[np.newaxis], "h": self._h, "c": self._c}
            output, self._h, self._c = self._session.run(None, inputs)
            probability = float(output.item())
            if not np.isfinite(probability):  # nor would any other be, from now on
                self._forget()
                probability = 0.0
            probabilities.append(probability)
        return probabilities


def _load_session() -> Any:
    """An onnxruntime session of the model, on one thread: it needs 0.2 ms per window."""
    package = find_spec("faster_whisper")  # finds the files without importing the package
    if package is None or package.origin is None:
        raise ParleyError(f"voice activity detection needs faster-whisper: {pip_install(NAME)}")
    model = Path(package.origin).parent / "assets" / "silero_vad_v6.onnx"
    if not model.is_file():
        install = pip_install("--force-reinstall", "faster-whisper>=1.2.1")
        raise ParleyError(f"{model} is missing: {install}")
    try:
        import onnxruntime
    except ImportError as error:
        raise ParleyError(
            f"voice activity detection needs onnxruntime ({error}): {pip_install('onnxruntime')}"
        ) from error
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        str(model), providers=["CPUExecutionProvider"], sess_options=options
    )
