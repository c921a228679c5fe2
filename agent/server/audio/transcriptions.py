"""`POST /v1/audio/transcriptions` and `/translations`: a recording of any kind as text."""

import tempfile
import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from math import log
from typing import IO, Annotated, Any, Literal

import anyio
import anyio.to_thread
from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from agent.errors import AudioError
from agent.server.audio.languages import name_of
from agent.server.audio.requests import read_form, refusal
from agent.server.errors import ApiError
from agent.server.server import Server
from agent.server.streaming import EVENTS, Streaming, server_sent, while_there
from agent.transcription import Utterance, opened, transcribe
from stt import AdjustableRecogniser, Recognition, SpeechToText, SpeechToTextError, UnsupportedError

MAX_UPLOAD = 100 << 20
"""Bytes of a recording."""
LONGEST = 3600.0
"""Seconds of one."""
MAX_FIELD = 64 << 10
_PIECE = 1 << 20


class TranscriptionRequest(BaseModel):
    """How a recording is to be heard; what is not known here is left alone."""

    model: Annotated[str, Field(max_length=200)] = ""
    language: Annotated[str, Field(pattern=r"^([a-zA-Z]{2,3})?$")] = ""
    prompt: str = ""
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.0
    response_format: Literal["json", "text", "srt", "vtt", "verbose_json"] = "json"
    timestamp_granularities: list[Literal["word", "segment"]] = []
    stream: bool = False


def routes(server: Server) -> list[BaseRoute]:
    """The routes of both endpoints."""

    async def transcriptions(request: Request) -> Response:
        return await _answer(server, request, "transcribe")

    async def translations(request: Request) -> Response:
        return await _answer(server, request, "translate")

    return [
        Route("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
        Route("/v1/audio/translations", translations, methods=["POST"]),
    ]


async def _answer(server: Server, request: Request, task: str) -> Response:
    most = MAX_UPLOAD + MAX_FIELD
    form = await read_form(request, most, files=1, fields=50, field=MAX_FIELD)
    wanted = _read(form)
    heard = _heard(server, form, wanted, task)
    if wanted.stream:
        return Streaming(_events(heard), EVENTS)
    return await while_there(request, _all_of(heard, wanted, task))


async def _all_of(
    heard: AsyncGenerator[Utterance, None], wanted: TranscriptionRequest, task: str
) -> Response:
    async with aclosing(heard):
        return _whole([each async for each in heard], wanted, task)


def _read(form: FormData) -> TranscriptionRequest:
    """Read the fields of a form. Raises ApiError."""
    granularities = form.getlist("timestamp_granularities[]")
    granularities += form.getlist("timestamp_granularities")
    fields: dict[str, Any] = {k: v for k, v in form.items() if isinstance(v, str) and v != ""}
    if granularities:
        fields["timestamp_granularities"] = granularities
    try:
        return TranscriptionRequest.model_validate(fields)
    except ValidationError as error:
        raise refusal(error) from None


async def _heard(
    server: Server, form: FormData, wanted: TranscriptionRequest, task: str
) -> AsyncGenerator[Utterance, None]:
    """What is understood of the recording, an utterance at a time. Raises ApiError."""
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            message = "file is missing: send the recording as multipart/form-data"
            raise ApiError(message, code="missing_required_parameter", param="file")
        with server.session("transcription") as session, tempfile.NamedTemporaryFile() as kept:
            await _copy(file, kept)
            vad = server.agent.detector()
            stt = _recogniser(server, wanted, task)
            try:
                async with (
                    opened(kept.name, longest=LONGEST) as blocks,
                    aclosing(transcribe(blocks, stt, vad, server.agent.config.vad)) as spoken,
                ):
                    async for utterance in spoken:
                        yield utterance
            except AudioError as error:
                reason = str(error).replace(kept.name, file.filename or "the file")
                raise ApiError(reason, code="invalid_audio", param="file") from None
            except UnsupportedError as error:
                param = "language" if wanted.language else None
                raise ApiError(str(error), code="unsupported", param=param) from None
            except SpeechToTextError as error:
                session.failed("stt", error)
                raise ApiError(str(error), status=500, code="transcription_failed") from None
    finally:
        await form.close()


def _recogniser(server: Server, wanted: TranscriptionRequest, task: str) -> SpeechToText:
    """The recogniser, told what is asked for, as far as it can be. Raises ApiError."""
    engine = server.agent.stt.conversation()
    if isinstance(engine, AdjustableRecogniser):
        return _Adjusted(engine, wanted, translate=task == "translate")
    if task == "translate":
        raise ApiError("this server's recogniser does not translate", code="unsupported")
    return engine


class _Adjusted:
    """A recogniser as one request wants it; see `stt.SpeechToText`."""

    def __init__(
        self, engine: AdjustableRecogniser, wanted: TranscriptionRequest, *, translate: bool
    ) -> None:
        self.sample_rate = engine.sample_rate
        self._engine = engine
        self._options: dict[str, Any] = {
            "language": wanted.language.lower() or None,
            "prompt": wanted.prompt,
            "translate": translate,
            "word_times": "word" in wanted.timestamp_granularities,
        }

    async def load(self) -> None:
        """It is loaded."""

    async def aclose(self) -> None:
        """It stays."""

    def listen(self) -> AbstractAsyncContextManager[Recognition]:
        """Open the recognition of one utterance."""
        return self._engine.listen_with(**self._options)


async def _copy(file: UploadFile, kept: IO[bytes]) -> None:
    """Write an upload where a decoder finds it. Raises ApiError."""
    size = 0
    while piece := await file.read(_PIECE):
        size += len(piece)
        if size > MAX_UPLOAD:
            raise _too_large()
        await anyio.to_thread.run_sync(kept.write, piece)
    await anyio.to_thread.run_sync(kept.flush)


def _too_large() -> ApiError:
    message = f"the recording is larger than {MAX_UPLOAD >> 20} MiB: compress or cut it"
    return ApiError(message, status=413, code="file_too_large", param="file")


def _whole(heard: Sequence[Utterance], wanted: TranscriptionRequest, task: str) -> Response:
    said = [each for each in heard if each.transcript.text]
    text = " ".join(each.transcript.text for each in said)
    match wanted.response_format:
        case "json":
            return JSONResponse({"text": text, "usage": _usage(heard)})
        case "text":
            return PlainTextResponse(text + "\n")
        case "srt":
            cues = (
                f"{number}\n{_clock(each.start, ',')} --> {_clock(each.end, ',')}\n"
                f"{each.transcript.text}\n"
                for number, each in enumerate(said, 1)
            )
            return PlainTextResponse("\n".join(cues), media_type="application/x-subrip")
        case "vtt":
            lines = (
                f"{_clock(each.start, '.')} --> {_clock(each.end, '.')}\n{each.transcript.text}\n"
                for each in said
            )
            return PlainTextResponse("\n".join(["WEBVTT\n", *lines]), media_type="text/vtt")
    return JSONResponse(_verbose(said, heard, text, wanted, task))


def _verbose(
    said: Sequence[Utterance],
    heard: Sequence[Utterance],
    text: str,
    wanted: TranscriptionRequest,
    task: str,
) -> dict[str, Any]:
    language = wanted.language or next((each.transcript.language for each in said), None)
    answer: dict[str, Any] = {
        "task": task,
        "language": name_of(language),
        "duration": _seconds(heard),
        "text": text,
        "usage": _usage(heard),
    }
    if "segment" in wanted.timestamp_granularities or not wanted.timestamp_granularities:
        answer["segments"] = [_segment(number, each) for number, each in enumerate(said)]
    if "word" in wanted.timestamp_granularities:
        answer["words"] = [
            {"word": word.text, "start": word.start, "end": word.end}
            for each in said
            for word in each.transcript.words
        ]
    return answer


def _segment(number: int, utterance: Utterance) -> dict[str, Any]:
    transcript = utterance.transcript
    said = transcript.text.encode()
    confidence = transcript.confidence
    return {
        "id": number,
        "seek": round(utterance.start * 100),
        "start": round(utterance.start, 3),
        "end": round(utterance.end, 3),
        "text": transcript.text,
        "tokens": [],
        "temperature": 0.0,
        # Where the recogniser says how sure it is; zero stands for no doubt.
        "avg_logprob": log(max(confidence, 1e-6)) if confidence is not None else 0.0,
        "compression_ratio": len(said) / len(zlib.compress(said)),
        "no_speech_prob": 0.0,
    }


async def _events(heard: AsyncGenerator[Utterance, None]) -> AsyncGenerator[bytes, None]:
    """The transcript as server-sent events: a delta for each utterance. Raises ApiError."""
    utterances: list[Utterance] = []
    text = ""
    async with aclosing(heard):
        async for utterance in heard:
            utterances.append(utterance)
            if said := utterance.transcript.text:
                delta = f" {said}" if text else said
                text += delta
                yield server_sent({"type": "transcript.text.delta", "delta": delta})
    done = {"type": "transcript.text.done", "text": text, "usage": _usage(utterances)}
    yield server_sent(done)


def _usage(heard: Sequence[Utterance]) -> dict[str, Any]:
    return {"type": "duration", "seconds": _seconds(heard)}


def _seconds(heard: Sequence[Utterance]) -> float:
    return round(heard[-1].end, 3) if heard else 0.0


def _clock(seconds: float, point: str) -> str:
    """Write a time as subtitles do: 00:01:02,345."""
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"
