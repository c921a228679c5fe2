"""Does it sound finished? Smart-Turn v3: the probability that a turn is over, from its melody.

The model (Whisper tiny's encoder with a head of its own, 23 languages, BSD-2) hears the last 8 s of
the turn. What it wants, from the code of its authors: zeros in front of what is shorter; then the
whole 8 s, zeros too, at zero mean and unit variance; then Whisper's log-mel spectrogram.
"""

from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, Any, Protocol

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from agent.errors import ParleyError
from tts.extras import NAME, pip_install

SAMPLE_RATE = 16000
"""The rate in Hz of what `complete` expects."""

HEARD_S = 8
"""Seconds that the model hears at once."""

REPOSITORY = "pipecat-ai/smart-turn-v3"
FILE = "smart-turn-v3.2-cpu.onnx"
INPUT = "input_features"

_SAMPLES = HEARD_S * SAMPLE_RATE
_FEATURES = (80, _SAMPLES // 160)  # mel bands, one column per 10 ms
_QUIET = 1e-7  # variance of less than this is not amplified

Pcm = NDArray[np.float32]


class TurnModel(Protocol):
    """What can tell from the sound of a turn whether it is over."""

    async def load(self) -> None:
        """Make ready. Raises ParleyError."""

    async def complete(self, pcm: Pcm) -> float:
        """The probability that the turn is over: mono, 16 kHz, from its beginning to now."""

    async def aclose(self) -> None:
        """Free the model."""


class SmartTurn:
    """Smart-Turn v3, run by onnxruntime in a worker thread."""

    def __init__(
        self,
        *,
        model: Annotated[
            str,
            Field(
                description=f"An .onnx file of Smart-Turn v3, a folder that holds {FILE}, "
                "or a Hugging Face repository (owner/name) that does."
            ),
        ] = REPOSITORY,
    ) -> None:
        self._name = model
        self._session: Any = None  # onnxruntime.InferenceSession
        self._log_mel: Callable[..., Any]
        self._limiter = anyio.CapacityLimiter(1)

    async def load(self) -> None:
        """Read the model, downloading it (9 MB, with a progress bar) when it is not there.

        Raises ParleyError.
        """
        if self._session is None:
            # Abandoned when cancelled: Ctrl-C does not wait for the end of a download.
            self._log_mel, self._session = await anyio.to_thread.run_sync(
                self._load, limiter=self._limiter, abandon_on_cancel=True
            )

    async def complete(self, pcm: Pcm) -> float:
        """The probability that the turn is over: mono, 16 kHz, from its beginning to now.

        Cancelled, it returns at once. Raises ParleyError.
        """
        if self._session is None:
            raise ParleyError("the Smart-Turn model is not loaded: await load() first")
        return await anyio.to_thread.run_sync(
            _run, self._log_mel, self._session, pcm, limiter=self._limiter, abandon_on_cancel=True
        )

    async def aclose(self) -> None:
        """Free the model."""
        self._session = None

    def _load(self) -> tuple[Callable[..., Any], Any]:
        log_mel = _load_log_mel()
        session = _load_session(_find(self._name))
        _run(log_mel, session, np.zeros(0, np.float32))  # the first time is the slowest
        return log_mel, session


def _run(log_mel: Callable[..., Any], session: Any, pcm: Pcm) -> float:
    features = log_mel(_prepare(pcm), padding=0)
    (output,) = session.run(None, {INPUT: features[np.newaxis]})
    return float(output.item())


def _prepare(pcm: Pcm) -> Pcm:
    """The last 8 s, with zeros in front if there are fewer, at zero mean and unit variance."""
    heard = pcm[-_SAMPLES:]
    padded = np.concatenate((np.zeros(_SAMPLES - len(heard), np.float32), heard))
    normal: Pcm = (padded - padded.mean()) / np.sqrt(padded.var() + _QUIET)
    return normal


def _load_log_mel() -> Callable[..., Any]:
    """Whisper's features, by faster-whisper's extractor.

    Its file is read without its package, which would bring CTranslate2 with it.
    """
    package = find_spec("faster_whisper")
    if package is None or package.origin is None:
        raise ParleyError(f"Smart-Turn needs faster-whisper: {pip_install(NAME)}")
    file = Path(package.origin).parent / "feature_extractor.py"
    spec = spec_from_file_location("parley_log_mel", file)
    if spec is None or spec.loader is None or not file.is_file():
        install = pip_install("--force-reinstall", "faster-whisper>=1.2.1")
        raise ParleyError(f"{file} is missing: {install}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    extractor = module.FeatureExtractor(chunk_length=HEARD_S)
    extractor.mel_filters = _OneThread(extractor.mel_filters)
    log_mel: Callable[..., Any] = extractor
    return log_mel


class _OneThread:
    """A matrix that multiplies so few columns at a time that BLAS starts no threads for them.

    On a busy machine those wait for each other: the features took 50 ms instead of 15.
    """

    COLUMNS = 16

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        self._matrix = matrix

    def __matmul__(self, other: NDArray[np.float32]) -> NDArray[np.float32]:
        starts = range(0, other.shape[1], self.COLUMNS)
        parts = [self._matrix @ other[:, start : start + self.COLUMNS] for start in starts]
        return np.concatenate(parts, axis=1)


def _load_session(path: Path) -> Any:
    """An onnxruntime session of the model, on one thread: the loop's own needs the others."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ParleyError(
            f"Smart-Turn needs onnxruntime ({error}): {pip_install('onnxruntime')}"
        ) from error
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(path), providers=["CPUExecutionProvider"], sess_options=options
        )
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise ParleyError(
            f"{path} cannot be read ({_first_line(error)}): delete it, and it is downloaded again, "
            f"or name another Smart-Turn model"
        ) from error
    wanted = [(each.name, tuple(each.shape[1:])) for each in session.get_inputs()]
    if wanted != [(INPUT, _FEATURES)] or len(session.get_outputs()) != 1:
        raise ParleyError(f"{path} is not a Smart-Turn v3 model: name {REPOSITORY}")
    return session


def _find(name: str) -> Path:
    """The model's file: one that is named, in the cache, or downloaded."""
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        if (path / FILE).is_file():
            return path / FILE
        raise ParleyError(f"{path} has no {FILE}: name a folder that has, or an .onnx file")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise ParleyError(f"there is no Smart-Turn model {name}: name a file, or {REPOSITORY}")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        cached = Path(snapshot_download(name, allow_patterns=FILE, local_files_only=True)) / FILE
        if cached.is_file():
            return cached
    except LocalEntryNotFoundError:
        pass
    try:
        fetched = Path(snapshot_download(name, allow_patterns=FILE)) / FILE
    except Exception as error:
        raise ParleyError(
            f"the Smart-Turn model is not on this machine and {name} cannot be downloaded "
            f"({_first_line(error.__cause__ or error)}): connect to the internet once, without "
            "HF_HUB_OFFLINE, name a local file, or choose turn.detector: words"
        ) from error
    if not fetched.is_file():
        raise ParleyError(f"{name} has no {FILE}: name a file, or {REPOSITORY}")
    return fetched


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
