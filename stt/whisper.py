"""Whisper through faster-whisper (CTranslate2): many languages, on the CPU or an NVIDIA GPU.

An utterance is decoded as a whole when it is over; there are no partial transcripts.
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stt.protocol import SpeechToTextError, Transcript, Word

SAMPLE_RATE = 16000

SHORTEST = SAMPLE_RATE // 10
"""Samples below which there is no word to decode, only something to make up."""

WINDOW_S = 30
"""Seconds that the model hears at once; longer audio is decoded window by window."""

FILES = ["config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"]
"""What a converted model consists of; `model.bin` and `tokenizer.json` are always there."""

COMPUTE_TYPES = {"cpu": ("int8", "float32"), "cuda": ("float16", "int8", "float32")}
"""For `compute_type: auto`, the best first; the first that the processor supports is taken."""

_log = logging.getLogger(__name__)


class Whisper:
    """OpenAI's Whisper, run by faster-whisper."""

    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        *,
        model: Annotated[
            str,
            Field(
                description="A name such as tiny, base, small.en or turbo, the folder of a "
                "CTranslate2 model, or a Hugging Face repository (owner/name) that holds one."
            ),
        ] = "base",
        device: Annotated[
            Literal["auto", "cpu", "cuda"],
            Field(description="auto takes an NVIDIA GPU if there is one that works."),
        ] = "auto",
        compute_type: Annotated[
            Literal["auto", "int8", "int8_float16", "float16", "bfloat16", "float32"],
            Field(description="auto is int8 on the CPU, float16 on a GPU."),
        ] = "auto",
        language: Annotated[
            str,
            Field(description="The language that is spoken, such as en or de; auto detects it."),
        ] = "auto",
        word_times: Annotated[
            bool, Field(description="Find out when each word was said; takes more time.")
        ] = False,
    ) -> None:
        self._name = model
        self._device = device
        self._compute_type = compute_type
        self._language = language
        self._word_times = word_times
        self._model: Any = None  # faster_whisper.WhisperModel
        self._limiter = anyio.CapacityLimiter(1)

    async def load(self) -> None:
        """Read the model, downloading it (with a progress bar) when it is not on this machine.

        Raises SpeechToTextError.
        """
        if self._model is None:
            # Abandoned when cancelled: Ctrl-C does not wait for the end of a download.
            self._model = await anyio.to_thread.run_sync(
                self._load, limiter=self._limiter, abandon_on_cancel=True
            )

    async def aclose(self) -> None:
        """Free the model."""
        self._model = None

    @asynccontextmanager
    async def listen(self) -> AsyncIterator["_Recognition"]:
        """Recognise one utterance. Several may be open; they are decoded one after the other."""
        if self._model is None:
            raise SpeechToTextError("whisper is not loaded: await load() first")
        yield _Recognition(self)

    async def transcribe(self, pcm: NDArray[np.float32]) -> Transcript:
        """What is said in 16 kHz mono audio of any length."""
        try:
            return await anyio.to_thread.run_sync(
                self._decode, self._model, pcm, limiter=self._limiter, abandon_on_cancel=True
            )
        except RuntimeError as error:
            raise SpeechToTextError(f"whisper failed: {error}") from error

    def _load(self) -> Any:
        try:
            import ctranslate2
            import faster_whisper  # noqa: F401  (both are needed below)
        except ImportError as error:
            raise SpeechToTextError(
                f"whisper needs faster-whisper ({error}): pip install faster-whisper"
            ) from error
        folder = _find(self._name)
        if self._device == "cpu" or ctranslate2.get_cuda_device_count() == 0:
            if self._device == "cuda":
                raise SpeechToTextError(
                    "whisper: device is cuda, but there is no NVIDIA GPU with a working driver; "
                    "use device: auto or cpu"
                )
            return self._open(folder, "cpu")
        try:
            return self._open(folder, "cuda")
        except SpeechToTextError as error:
            if self._device == "cuda":
                raise
            _log.warning("whisper runs on the CPU: %s", error)
            return self._open(folder, "cpu")

    def _open(self, folder: Path, device: str) -> Any:
        from ctranslate2 import get_supported_compute_types
        from faster_whisper import WhisperModel

        compute_type: str = self._compute_type
        try:
            if compute_type == "auto":
                supported = get_supported_compute_types(device)
                compute_type = next(kind for kind in COMPUTE_TYPES[device] if kind in supported)
            model = WhisperModel(str(folder), device=device, compute_type=compute_type)
            self._check_language(model)
            if device == "cuda":  # a missing CUDA library only shows when it computes
                self._decode(model, np.zeros(SAMPLE_RATE, np.float32))
        except (RuntimeError, ValueError, OSError) as error:
            hint = ""
            if device == "cuda":
                hint = (
                    "; GPUs need pip install nvidia-cublas-cu12 nvidia-cudnn-cu12, or device: cpu"
                )
            raise SpeechToTextError(
                f"whisper model '{self._name}' cannot be used on {device} as {compute_type}: "
                f"{_first_line(error)}{hint}"
            ) from error
        return model

    def _check_language(self, model: Any) -> None:
        known = ["auto", *model.supported_languages]
        if self._language not in known:
            near = get_close_matches(self._language, known, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else "use a code such as en, or auto"
            raise SpeechToTextError(
                f"whisper model '{self._name}' does not know the language '{self._language}'; "
                f"{hint}"
            )

    def _decode(self, model: Any, pcm: NDArray[np.float32]) -> Transcript:
        segments, _ = model.transcribe(
            pcm,
            language=None if self._language == "auto" else self._language,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            vad_filter=False,
            word_timestamps=self._word_times,
            # With timestamps the next window begins where the last sentence ended.
            without_timestamps=not self._word_times and len(pcm) <= WINDOW_S * SAMPLE_RATE,
        )
        heard = list(segments)  # a generator: this is where it decodes
        words = tuple(
            Word(word.word.strip(), float(word.start), float(word.end))
            for segment in heard
            for word in segment.words or ()
        )
        return Transcript("".join(segment.text for segment in heard).strip(), words)


class _Recognition:
    """One utterance."""

    def __init__(self, engine: Whisper) -> None:
        self._engine = engine
        self._heard: list[NDArray[np.float32]] = [np.zeros(0, np.float32)]
        self._transcript: Transcript | None = None  # of all that was heard

    async def feed(self, pcm: NDArray[np.float32]) -> None:
        """Hear more (16 kHz mono, [-1, 1], any length)."""
        self._heard.append(pcm)
        self._transcript = None

    async def finish(self) -> Transcript:
        """The transcript; with word times if the engine was asked for them."""
        if self._transcript is None:
            pcm = np.concatenate(self._heard)
            heard = await self._engine.transcribe(pcm) if len(pcm) >= SHORTEST else Transcript("")
            self._transcript = heard
        return self._transcript


def _find(name: str) -> Path:
    """The folder of model `name`: one that is named, in the cache, or downloaded."""
    from faster_whisper.utils import _MODELS as REPOSITORIES

    folder = Path(name).expanduser()
    if folder.is_dir():
        missing = _missing(folder)
        if missing:
            raise SpeechToTextError(
                f"{folder} is no CTranslate2 Whisper model, it has no {missing}: "
                "name a folder made by ct2-transformers-converter"
            )
        return folder
    repository = REPOSITORIES.get(name, name)
    if repository.count("/") != 1 or name.startswith((".", "/", "~")):
        near = get_close_matches(name, REPOSITORIES, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"one of {', '.join(REPOSITORIES)}"
        if os.sep in name:
            hint = "there is no such folder"
        raise SpeechToTextError(f"whisper model '{name}' is unknown: {hint}")
    return _fetch(name, repository)


def _fetch(name: str, repository: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        cached = Path(snapshot_download(repository, allow_patterns=FILES, local_files_only=True))
        if not _missing(cached):
            return cached
    except LocalEntryNotFoundError:
        pass
    try:
        fetched = Path(snapshot_download(repository, allow_patterns=FILES))
    except Exception as error:
        reason = _first_line(error.__cause__ or error)
        raise SpeechToTextError(
            f"whisper model '{name}' is not on this machine and {repository} cannot be "
            f"downloaded ({reason}): connect to the internet once, without HF_HUB_OFFLINE, or "
            "name a local folder as model"
        ) from error
    missing = _missing(fetched)
    if missing:
        raise SpeechToTextError(
            f"whisper model '{name}' is not complete, {fetched} has no {missing}: connect to the "
            "internet once, or name a CTranslate2 model such as base"
        )
    return fetched


def _missing(folder: Path) -> str | None:
    """What a model's folder lacks, if anything."""
    needed = ("model.bin", "tokenizer.json")
    return next((file for file in needed if not (folder / file).is_file()), None)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
