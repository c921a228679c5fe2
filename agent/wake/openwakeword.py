"""openWakeWord by `pyopen-wakeword`: models that were trained for one phrase each.

The package carries five, and the networks that make features of the sound: one embedding of 96
numbers every 80 ms. A model of one's own, .tflite or .onnx, takes the last n of those, as
`[1, n, 96]`, and gives a probability.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import ConfigError, ParleyError
from agent.wake.engine import WakeWord
from tts.extras import NAME, pip_install

FEATURES = 96
"""Numbers in an embedding."""

LARGEST = 64 << 20
"""Bytes of a model."""

RESTING = 16
"""Embeddings (1.3 s) after a wake word in which it is not heard again."""

LATE = 1600
"""Samples by which a model is sure after the word's end, about: 0.1 s."""

Model = Callable[[NDArray[np.float32]], float]
"""From the last embeddings, float32 [n, 96], to a probability."""


class OpenWakeWordSpotter:
    """An openWakeWord spotter: 2 ms of work for 80 ms of sound, and 0.1 ms for each model."""

    def __init__(self, words: Sequence[str], sensitivity: float, model: str | None) -> None:
        self._words = words
        self._threshold = 1 - sensitivity
        self._path = model
        self._features: Any = None
        self._models: list[tuple[str, int, Model]] = []
        self._embeddings = np.zeros((0, FEATURES), np.float32)
        self._resting = 0

    def load(self) -> None:
        """Read the networks: 50 ms. Raises ConfigError, ParleyError."""
        try:
            import pyopen_wakeword
        except ImportError as error:
            install = pip_install(f"{NAME}[wake]")
            raise ParleyError(
                f"wake: engine openwakeword needs pyopen-wakeword ({error}): {install}"
            ) from error
        except OSError as error:
            raise ParleyError(
                f"pyopen-wakeword does not run on this machine ({error}): take engine: pocketsphinx"
            ) from error
        folder = Path(pyopen_wakeword.__file__).parent / "models"
        models = [(word, self._model_of(word, folder)) for word in self._words]
        self._features = pyopen_wakeword.OpenWakeWordFeatures.from_builtin()
        for word, path in models:
            self._models.append((word, *_read_model(path)))
        self.reset()

    def hear(self, pcm: NDArray[np.float32]) -> WakeWord | None:
        """Hear more, float32 [n] at 16 kHz: the wake word that has ended in it, if one has."""
        samples = np.clip(pcm * 32768, -32768, 32767).astype(np.int16).tobytes()
        for new in self._features.process_streaming(samples):
            kept = max(size for _, size, _ in self._models)
            row = new.reshape(-1, FEATURES)
            self._embeddings = np.concatenate((self._embeddings, row))[-kept:]
            self._resting = max(0, self._resting - 1)
            for word, size, model in self._models:
                enough = len(self._embeddings) >= size and not self._resting
                if enough and model(self._embeddings[-size:]) >= self._threshold:
                    self._resting = RESTING
                    return WakeWord(word, LATE)
        return None

    def reset(self) -> None:
        """Forget what was heard."""
        self._features.reset()
        self._features.new_audio_samples = 0  # else it hears eight seconds of silence first
        self._embeddings = np.zeros((0, FEATURES), np.float32)
        self._resting = 0

    def _model_of(self, word: str, folder: Path) -> Path:
        if self._path is not None:
            return _checked(Path(self._path).expanduser())
        path = folder / f"{word.replace(' ', '_')}.tflite"
        if path.is_file():
            return path
        no_models = ("embedding_model", "melspectrogram")
        there = sorted(p.stem for p in folder.glob("*.tflite") if p.stem not in no_models)
        known = ", ".join(name.replace("_", " ") for name in there)
        raise ConfigError(
            f"wake.words: openWakeWord has no model of '{word}', only of {known}: take one of "
            "those, give a file of your own as wake.model, or take engine: pocketsphinx"
        )


def _checked(path: Path) -> Path:
    """A file that may be a model. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            size = file.seek(0, 2)
    except OSError as error:
        raise ConfigError(f"wake.model: {path} cannot be read ({error.strerror})") from None
    if size > LARGEST:
        raise ConfigError(f"wake.model: {path} has {size >> 20} MB; a model has less than 1")
    if path.suffix == ".tflite" and head[4:] != b"TFL3":
        raise ConfigError(f"wake.model: {path} is no TensorFlow Lite model")
    if path.suffix not in (".tflite", ".onnx"):
        raise ConfigError(f"wake.model: {path} should be a .tflite or .onnx file of openWakeWord")
    return path


def _read_model(path: Path) -> tuple[int, Model]:
    """Embeddings that a model wants, and it. Raises ConfigError."""
    return _onnx(path) if path.suffix == ".onnx" else _tflite(path)


def _onnx(path: Path) -> tuple[int, Model]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # noqa: BLE001  (onnxruntime's are of many kinds)
        raise ConfigError(f"wake.model: {path} is no ONNX model ({_short(error)})") from None
    (entry, *others), shape = session.get_inputs(), session.get_inputs()[0].shape
    fits = not others and len(shape) == 3 and shape[2] == FEATURES and isinstance(shape[1], int)
    if not fits:
        raise ConfigError(_unfit(path, shape))

    def run(embeddings: NDArray[np.float32]) -> float:
        (output, *_) = session.run(None, {entry.name: embeddings[np.newaxis]})
        return float(np.asarray(output).reshape(-1)[-1])

    return shape[1], _tried(path, shape[1], run)


def _tflite(path: Path) -> tuple[int, Model]:
    import pyopen_wakeword
    from pyopen_wakeword.openwakeword import _find_tensorflowlite_c
    from pyopen_wakeword.wakeword import TfLiteWakeWord

    # The package gives what it cannot read to the library as it is, which ends the process.
    library = TfLiteWakeWord(_find_tensorflowlite_c()).lib
    handle = library.TfLiteModelCreateFromFile(str(path).encode())
    if not handle:
        raise ConfigError(f"wake.model: {path} is no TensorFlow Lite model, or is cut short")
    interpreter = library.TfLiteInterpreterCreate(handle, None)
    if not interpreter or library.TfLiteInterpreterAllocateTensors(interpreter):
        raise ConfigError(f"wake.model: {path} has operations that TensorFlow Lite lacks")
    entry = library.TfLiteInterpreterGetInputTensor(interpreter, 0)
    shape = [library.TfLiteTensorDim(entry, n) for n in range(library.TfLiteTensorNumDims(entry))]
    library.TfLiteInterpreterDelete(interpreter)
    library.TfLiteModelDelete(handle)
    if len(shape) != 3 or shape[2] != FEATURES:
        raise ConfigError(_unfit(path, shape))
    model = pyopen_wakeword.OpenWakeWord.from_model(path)

    def run(embeddings: NDArray[np.float32]) -> float:
        model.reset()
        return max(model.process_streaming(embeddings[np.newaxis, np.newaxis]), default=0.0)

    return shape[1], _tried(path, shape[1], run)


def _tried(path: Path, size: int, model: Model) -> Model:
    """The model, which gives a probability. Raises ConfigError."""
    try:
        probability = model(np.zeros((size, FEATURES), np.float32))
    except Exception as error:  # noqa: BLE001
        raise ConfigError(f"wake.model: {path} does not run ({_short(error)})") from None
    if not 0 <= probability <= 1:
        raise ConfigError(f"wake.model: {path} gives {probability:g}, which is no probability")
    return model


def _unfit(path: Path, shape: Sequence[Any]) -> str:
    return (
        f"wake.model: {path} takes {list(shape)}; a model of openWakeWord takes [1, n, {FEATURES}]"
    )


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
