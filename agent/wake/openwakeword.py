"""openWakeWord by `pyopen-wakeword`: models that were trained for one phrase each.

The package carries five, and the networks that make features of the sound: one embedding of 96
numbers every 80 ms. Another, of "hey parley", lies beside this file. A model of one's own, .tflite
or .onnx, takes the last n embeddings, as `[1, n, 96]`, and gives a probability.
"""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import ConfigError, ParleyError
from agent.wake.engine import SAMPLE_RATE, WakeWord
from tts.extras import NAME, pip_install

FEATURES = 96
"""Numbers in an embedding."""

LARGEST = 64 << 20
"""Bytes of a model."""

RESTING = 16
"""Embeddings (1.3 s) after a wake word in which it is not heard again."""

LATE = 1600
"""Samples by which a model is sure after the word's end, about: 0.1 s."""

ROOM = 25.0
"""The noise of a quiet room, of 32768: -62 dBFS."""

OWN = Path(__file__).with_name("models")
"""Where those are that `bench.wake.train` has made."""

_NO_MODELS = ("embedding_model", "melspectrogram")

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
        models = [(word, self._model_of(word)) for word in self._words]
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
        """Forget what was heard: a quiet room was, which a call right after it needs before it."""
        self._features.reset()
        self._features.new_audio_samples = 0  # else it hears eight seconds of silence first
        quiet = self._hear_nothing()  # an embedding is of the last 0.8 s: the next ones, too
        self._embeddings = np.tile(quiet, (max(size for _, size, _ in self._models), 1))
        self._resting = 0

    def _hear_nothing(self) -> NDArray[np.float32]:
        """The embedding of a quiet room, float32 [1, 96]."""
        room = np.random.default_rng(0).normal(0, ROOM, SAMPLE_RATE).astype(np.int16)
        *_, last = self._features.process_streaming(room.tobytes())
        return np.asarray(last, np.float32).reshape(-1, FEATURES)[-1:]

    def _model_of(self, word: str) -> Path:
        if self._path is not None:
            return _checked(Path(self._path).expanduser())
        known = trained_models()
        if word in known:
            return known[word]
        raise ConfigError(
            f"wake.words: openWakeWord has no model of '{word}', only of "
            f"{', '.join(sorted(known))}: take one of those, give a file of your own as "
            "wake.model, or take engine: pocketsphinx"
        )


def trained_models() -> dict[str, Path]:
    """The models there are, by the phrase that each hears; none without the package."""
    package = importlib.util.find_spec("pyopen_wakeword")
    if package is None or package.origin is None:
        return {}
    files = [*(Path(package.origin).parent / "models").glob("*.tflite"), *OWN.glob("*.onnx")]
    return {path.stem.replace("_", " "): path for path in files if path.stem not in _NO_MODELS}


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
