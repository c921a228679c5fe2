"""A neural voice in ONNX Runtime: phonemes in, a waveform and each phoneme's end out."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from tts.files import open_file
from tts.onnx.ahead import Speed
from tts.onnx.graph import result_of, with_output
from tts.protocol import TextToSpeechError

MAX_BYTES = 2 << 30
"""An ONNX file longer than this keeps its weights elsewhere, and is none of these voices."""


class VoiceSession:
    """Session of one model; several clauses may be synthesised at once."""

    def __init__(self, path: Path, durations: str) -> None:
        """Load the model. `durations` is the kind of node that rounds them: `Ceil`, `Round`.

        Blocks. Raises TextToSpeechError.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Beside a recogniser and a language model a thread that spins takes their time.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            model, name = _with_durations(path, durations)
            self._session: Any = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
            self._outputs = [self._session.get_outputs()[0].name, name]
        except Exception as error:  # ONNX Runtime has a class for every status, without a base
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise TextToSpeechError(f"{path} cannot be loaded as a voice: {reason}") from error
        self.speed = Speed()
        self.inputs: dict[str, str] = {i.name: i.type for i in self._session.get_inputs()}

    async def synthesise(
        self, inputs: Mapping[str, NDArray[Any]], tokens: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Compute float32 [n], and for each of `tokens` the sample where it ends (int64 [tokens]).

        Cancelled, it stops at the graph's next node. Raises TextToSpeechError.
        """
        import onnxruntime

        options = onnxruntime.RunOptions()
        run = partial(self.run, inputs, tokens, options)
        try:
            return await anyio.to_thread.run_sync(run, abandon_on_cancel=True)
        finally:
            options.terminate = True  # where this is cancelled, the thread is still at work

    def run(
        self, inputs: Mapping[str, NDArray[Any]], tokens: int, options: object = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Compute the same in this thread. Blocks; raises TextToSpeechError."""
        try:
            pcm, durations = self._session.run(self._outputs, dict(inputs), options)
        except Exception as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise TextToSpeechError(f"the voice failed: {reason}") from error
        wave = np.asarray(pcm, np.float32).reshape(-1)
        held = np.maximum(np.asarray(durations, np.float64).reshape(-1), 0)
        if held.size != tokens or held.sum() == 0:
            raise TextToSpeechError("the voice failed: its durations are not those of its input")
        return wave, np.rint(np.cumsum(held) * (wave.size / held.sum())).astype(np.int64)


def _with_durations(path: Path, operation: str) -> tuple[bytes, str]:
    """Read a model with its durations as an output: its bytes, the output's name."""
    with open_file(path, MAX_BYTES) as file:
        model = file.read(MAX_BYTES)
    name = result_of(model, operation)
    if name is None:
        raise ValueError(f"no durations: it should have one node {operation}")
    return with_output(model, name), name
