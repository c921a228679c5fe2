"""The engine `whisper`: faster-whisper (CTranslate2), on the CPU or an NVIDIA GPU."""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import copy
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import numpy as np
from pydantic import Field

from stt.protocol import SpeechToTextError, UnsupportedError
from stt.vad import SAMPLE_RATE, VoiceActivity
from stt.whisper.cuda_libraries import preload
from stt.whisper.decoder import Decoder
from stt.whisper.decoding_thread import DecodingThread
from stt.whisper.files import find_model, first_line
from stt.whisper.language import ConversationLanguage
from stt.whisper.recognition import WhisperRecognition

COMPUTE_TYPES = {"cpu": ("int8", "float32"), "cuda": ("float16", "int8", "float32")}
"""For `compute_type: auto`, the best first; the first that the processor supports is taken."""

THREADS = 4
"""Processor cores that decoding uses at most: with more it is hardly faster."""

Temperature = Annotated[float, Field(ge=0, le=1)]

_log = logging.getLogger(__name__)


class Whisper:
    """OpenAI's Whisper, run by faster-whisper. One utterance is decoded at a time, in a thread."""

    sample_rate = SAMPLE_RATE
    punctuates = True

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
            Field(
                description="The language that is spoken, such as en or de; auto detects it, and "
                "keeps to it once a turn leaves no doubt, until one is spoken in another."
            ),
        ] = "auto",
        hotwords: Annotated[
            list[str],
            Field(
                description="Names and rare words that are likely to be said, the most important "
                "first: about forty are listened for."
            ),
        ] = [],  # noqa: B006  (never changed)
        trim_encoder: Annotated[
            Literal["auto", "off"],
            Field(
                description="auto hears a short utterance without padding it to 30 s, which is "
                "many times faster, and again in full when the result looks wrong."
            ),
        ] = "auto",
        temperature: Annotated[
            Temperature | Annotated[list[Temperature], Field(min_length=1)],
            Field(
                description="Of sampling; 0 takes the likeliest words. A list such as [0, 0.4] "
                "tries again while the result looks wrong, which takes time."
            ),
        ] = 0.0,
        partials: Annotated[
            bool,
            Field(
                description="Show words while they are spoken: every half second, less often on a "
                "computer so slow that the final transcript would have to wait for them."
            ),
        ] = True,
        word_times: Annotated[
            bool, Field(description="Find out when each word was said; takes more time.")
        ] = False,
    ) -> None:
        self._name = model
        self._device = device
        self._compute_type = compute_type
        self._language = language
        self._partials = partials
        self._options: dict[str, Any] = {
            "trim": trim_encoder == "auto",
            "temperatures": tuple(temperature if isinstance(temperature, list) else [temperature]),
            "hotwords": hotwords,
            "word_times": word_times,
            "any_language": language == "auto",
        }
        self._decoding = DecodingThread()
        self._heard = ConversationLanguage(language)

    async def load(self) -> None:
        """Read the model, downloading it (with a progress bar) when it is not on this machine.

        Again, it begins a new conversation: the language is found out anew. Raises
        SpeechToTextError.
        """
        self._heard.forget()
        if self._decoding.decoder is None:
            # In the thread, abandoned when cancelled: Ctrl-C waits for no download's end.
            self._decoding.decoder = await self._decoding.run(self._load)

    async def aclose(self) -> None:
        """Free the model."""
        self._decoding.decoder = None

    def conversation(self) -> "Whisper":
        """Return the same model for another conversation, whose language is its own."""
        other = copy(self)
        other._heard = ConversationLanguage(self._language)
        return other

    def listen(self) -> AbstractAsyncContextManager[WhisperRecognition]:
        """Recognise one utterance. Several may be open; they are decoded one after the other."""
        return self._listen(self._heard, None)

    def listen_with(
        self,
        *,
        language: str | None = None,
        prompt: str = "",
        translate: bool = False,
        word_times: bool = False,
        partials: bool = False,
    ) -> AbstractAsyncContextManager[WhisperRecognition]:
        """Recognise one utterance otherwise than configured (`stt.AdjustableRecogniser`)."""
        decoder = self._loaded()
        if language is not None and language not in decoder.languages:
            raise UnsupportedError(f"this model of whisper does not know the language {language}")
        if translate and len(decoder.languages) == 1:
            raise UnsupportedError("this model of whisper knows English alone: no translation")
        adjusted = decoder.adjusted(
            hotwords=prompt.split() or decoder.hotwords, word_times=word_times, translate=translate
        )
        heard = self._heard if language is None else ConversationLanguage(language)
        return self._listen(heard, adjusted, partials=partials)

    def _loaded(self) -> Decoder:
        if self._decoding.decoder is None:
            raise SpeechToTextError("whisper is not loaded: await load() first")
        return self._decoding.decoder

    @asynccontextmanager
    async def _listen(
        self, language: ConversationLanguage, decoder: Decoder | None, *, partials: bool = True
    ) -> AsyncIterator[WhisperRecognition]:
        self._loaded()
        recognition = WhisperRecognition(self._decoding, language, decoder)
        if not self._partials or not partials:
            yield recognition
            return
        failure: Exception | None = None  # of the caller's, which the group would wrap
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(recognition.show_partials)
            try:
                yield recognition
            except Exception as error:  # noqa: BLE001  (raised again below)
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    def _load(self) -> Decoder:
        """Find the model and open it on the device. Blocks. Raises SpeechToTextError."""
        try:
            import ctranslate2
            import faster_whisper  # noqa: F401  (both are needed below)
        except ImportError as error:
            raise SpeechToTextError(
                f"whisper needs faster-whisper ({error}): pip install faster-whisper"
            ) from error
        folder = find_model(self._name)
        if self._device != "cpu":
            preload()
        if self._device != "cpu" and ctranslate2.get_cuda_device_count():
            try:
                return self._open(folder, "cuda")
            except SpeechToTextError as error:
                if self._device == "cuda":
                    raise
                _log.warning("whisper runs on the CPU: %s", error)
        elif self._device == "cuda":
            raise SpeechToTextError(
                "whisper: device is cuda, but there is no NVIDIA GPU with a working driver; "
                "use device: auto or cpu"
            )
        return self._open(folder, "cpu")

    def _open(self, folder: Path, device: str) -> Decoder:
        """Open the model on `cpu` or `cuda`, and try it. Raises SpeechToTextError."""
        from ctranslate2 import get_supported_compute_types
        from faster_whisper import WhisperModel

        compute_type: str = self._compute_type
        try:
            if compute_type == "auto":
                supported = get_supported_compute_types(device)
                compute_type = next(kind for kind in COMPUTE_TYPES[device] if kind in supported)
            model = WhisperModel(
                str(folder),
                device=device,
                compute_type=compute_type,
                cpu_threads=min(THREADS, os.cpu_count() or 1),
            )
            self._check_language(model)
            decoder = Decoder(model, **self._options)
            # The first run is slow, and a missing CUDA library only shows when it computes.
            noise = np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE).astype(np.float32)
            decoder.decode(noise, None)
            VoiceActivity().process(noise)
        except (RuntimeError, ValueError, OSError) as error:
            hint = ""
            if device == "cuda":
                install = "pip install nvidia-cublas-cu12 nvidia-cudnn-cu12"
                hint = f"; GPUs need {install}, or device: cpu"
            raise SpeechToTextError(
                f"whisper model '{self._name}' cannot be used on {device} as {compute_type}: "
                f"{first_line(error)}{hint}"
            ) from error
        return decoder

    def _check_language(self, model: Any) -> None:
        known = ["auto", *model.supported_languages]
        if self._language not in known:
            near = get_close_matches(self._language, known, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else "use a code such as en, or auto"
            raise SpeechToTextError(
                f"whisper model '{self._name}' does not know the language '{self._language}'; "
                f"{hint}"
            )
