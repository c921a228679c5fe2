"""The engine `openai`: transcription endpoints of OpenAI, Groq, speaches, vLLM and the like.

An utterance is sent when it is over. Where the endpoint streams its answer, it is read as it
comes, and an answer that stops in the middle is noticed at once.
"""

import io
import json
import os
import re
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stt.hallucinations import MIN_VOICE
from stt.protocol import SpeechToTextError, Transcript, Word
from stt.vad import SAMPLE_RATE, VoiceActivity

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncAPIResponse, AsyncOpenAI

TIMEOUT, FAST_TIMEOUT = 15.0, 6.0
"""Seconds for the next of an answer, and where there is a fallback."""
RETRIES = 2
DRAIN = 1.0
"""Seconds that an answer may go on after its last word."""
LONGEST_TEXT = 100_000
"""Characters: nobody says more in one utterance."""
LONGEST_REASON = 200
"""Characters of the endpoint's that an error quotes."""


class OpenAI:
    """Client of a transcription endpoint. Nothing is imported or connected before `load`."""

    sample_rate = SAMPLE_RATE
    punctuates = True

    def __init__(
        self,
        *,
        model: Annotated[
            str, Field(min_length=1, description="Name of the model.")
        ] = "gpt-4o-mini-transcribe",
        base_url: Annotated[
            str | None,
            Field(description="Endpoint, e.g. http://127.0.0.1:8000/v1; null for OpenAI's own."),
        ] = None,
        api_key: Annotated[
            str | None,
            Field(description="Its key; null for OPENAI_API_KEY, or for a server that needs none."),
        ] = None,
        language: Annotated[
            str, Field(description="The language that is spoken, such as en or de, or auto.")
        ] = "auto",
        hotwords: Annotated[
            list[str], Field(description="Names and rare words that are likely to be said.")
        ] = [],  # noqa: B006  (never changed)
        stream: Annotated[
            Literal["auto", "off"],
            Field(description="auto asks for an answer in pieces; any other will do, too."),
        ] = "auto",
        timeout: Annotated[
            float | None,
            Field(
                gt=0,
                description="Longest wait in seconds for the next of an answer; null for 15, or "
                "for 6 where there is a fallback to go on to.",
            ),
        ] = None,
        retries: Annotated[
            int | None,
            Field(
                ge=0,
                le=10,
                description="Further tries when a request fails; null for 2, or for none where "
                "there is a fallback to go on to.",
            ),
        ] = None,
        word_times: Annotated[
            bool, Field(description="Ask when each word was said; not all endpoints know.")
        ] = False,
    ) -> None:
        self._base_url = base_url or os.environ.get("OPENAI_BASE_URL")
        self._api_key = api_key
        self._limits = timeout, retries
        self._timeout = timeout or TIMEOUT
        self._retries = RETRIES if retries is None else retries
        self._stream = stream == "auto" and not word_times
        self._request: dict[str, Any] = {"model": model}
        if language != "auto":
            self._request["language"] = language
        if hotwords:
            self._request["prompt"] = ", ".join(hotwords)
        if word_times:
            self._request["response_format"] = "verbose_json"
            self._request["timestamp_granularities"] = ["word"]
        self._client: AsyncOpenAI | None = None

    @property
    def patience(self) -> float:
        """Seconds for all tries."""
        return (self._retries + 1) * (self._timeout + 5.0)

    def fail_fast(self) -> None:
        """Wait and try less where that is not configured: another recogniser is there to go on."""
        timeout, retries = self._limits
        self._timeout = timeout or FAST_TIMEOUT
        self._retries = retries or 0

    async def load(self) -> None:
        """Make the client; no request is sent. Raises SpeechToTextError."""
        if self._client is None:
            self._client = await anyio.to_thread.run_sync(self._connect)

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator["_Recognition"]:
        """Recognise one utterance."""
        if self._client is None:
            raise SpeechToTextError("the transcription client is not loaded: await load() first")
        yield _Recognition(self)

    async def transcribe(self, pcm: NDArray[np.float32]) -> Transcript:
        """Send float32 [n] at 16 kHz: what the endpoint makes of it. Raises SpeechToTextError."""
        from httpx2 import RequestError, TimeoutException  # the client lets a body's through
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        from stt.http import OversizeError

        streamed = self._stream
        try:
            return await self._ask(pcm)
        except (APITimeoutError, TimeoutException):
            raise self._error(f"said nothing for {self._timeout:g} s (stt.timeout)") from None
        except OversizeError as error:
            raise self._error(f"{error}: is stt.base_url right?") from None
        except (APIConnectionError, RequestError) as error:
            raise self._error(f"cannot be reached: {error.__cause__ or error}") from None
        except APIStatusError as error:
            if streamed and error.status_code in {400, 422} and "stream" in str(error):
                self._stream = False  # it is not offered
                return await self.transcribe(pcm)
            raise self._error(_refusal(error)) from None

    async def _ask(self, pcm: NDArray[np.float32]) -> Transcript:
        assert self._client is not None
        request = dict(self._request)
        if self._stream:
            request["stream"] = True
        speech = await anyio.to_thread.run_sync(_wav, pcm)
        create = self._client.audio.transcriptions.with_streaming_response.create
        async with create(file=("speech.wav", speech, "audio/wav"), **request) as response:
            try:
                if "event-stream" in response.headers.get("content-type", ""):
                    return Transcript((await _read_stream(response)).strip())
                return _parse(await response.read())
            except ValueError as error:
                raise self._error(f"sent no transcript: {str(error)[:LONGEST_REASON]}") from None

    def _error(self, what: str) -> SpeechToTextError:
        """Say what went wrong at the endpoint, without its secrets, on one line."""
        place = re.sub(r"(?<=://)[^/]*@", "", self._base_url or "the OpenAI endpoint")
        key = self._client.api_key if self._client is not None else ""
        return SpeechToTextError(" ".join(f"{place} {what}".replace(key or "\n", "***").split()))

    def _connect(self) -> "AsyncOpenAI":
        """Import the package and make its client: slow, so in a thread."""
        try:
            import openai
        except ImportError as error:
            raise SpeechToTextError(
                f"the openai package cannot be imported ({error}): pip install openai"
            ) from None
        key = self._api_key or os.environ.get("OPENAI_API_KEY")
        if not key and self._base_url is None:
            raise SpeechToTextError(
                "OpenAI needs an API key: set OPENAI_API_KEY or stt.api_key, or set stt.base_url "
                "to a server of your own"
            )
        if key and not (key.isascii() and key.isprintable()):
            raise SpeechToTextError(
                "the API key holds characters that no key has: set OPENAI_API_KEY or stt.api_key"
            )
        if self._base_url is not None and not _is_url(self._base_url):
            place = self._base_url.rpartition("@")[2]
            raise SpeechToTextError(
                f"stt.base_url is not a URL like http://127.0.0.1:8080/v1: {place!r}"
            )
        from stt.http import limited_client

        client = openai.AsyncOpenAI(
            api_key=key or "none",  # the client insists on one
            base_url=self._base_url,
            max_retries=self._retries,
            timeout=self._timeout,
            http_client=limited_client(timeout=self._timeout),
        )
        _ = client.audio.transcriptions  # imported on first use
        return client


def _is_url(url: str) -> bool:
    """Whether a request can be sent to it."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a port that is no number
        return False


class _Recognition:
    """One utterance, sent when it is over."""

    def __init__(self, engine: OpenAI) -> None:
        self._engine = engine
        self._pieces: list[NDArray[np.float32]] = []
        self._transcript: Transcript | None = Transcript("")  # of all that was fed

    async def feed(self, pcm: NDArray[np.float32]) -> None:
        """Keep the next samples (16 kHz mono, [-1, 1], any length)."""
        if len(pcm):
            self._pieces.append(pcm)
            self._transcript = None

    async def finish(self) -> Transcript:
        """Transcribe it. What holds no voice is not sent. Raises SpeechToTextError."""
        if self._transcript is None:
            pcm, voice = np.concatenate(self._pieces), VoiceActivity()
            await anyio.to_thread.run_sync(voice.process, pcm)
            if voice.voiced_seconds < MIN_VOICE:
                reason = f"only {voice.voiced_seconds:.2f} s of voice"
                self._transcript = Transcript("", rejected=reason)
            else:
                self._transcript = await self._engine.transcribe(pcm)
        return self._transcript


def _wav(pcm: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes(np.clip(np.rint(pcm * 32767), -32768, 32767).astype("<i2").tobytes())
    return file.getvalue()


async def _read_stream(response: "AsyncAPIResponse[Any]") -> str:
    """Read an answer in pieces: its text. Raises ValueError when it is not whole."""
    pieces: list[str] = []
    size, whole = 0, False
    lines = response.iter_lines()
    try:
        async for line in lines:
            data = line.removeprefix("data:").strip()
            if not line.startswith("data:") or data in {"", "[DONE]"}:
                continue
            event = _load(data)
            if error := event.get("error"):
                words = error.get("message") if isinstance(error, dict) else None
                raise ValueError(str(words or error))
            if event.get("type") == "transcript.text.done":
                whole = True
                return str(event.get("text") or "")
            delta = event.get("delta")
            pieces.append(delta if isinstance(delta, str) else "")
            size += len(pieces[-1]) + 1
            if size > LONGEST_TEXT:
                raise ValueError("it has no end")
    finally:
        # To the end, or cancelled: the client's generators may not be left half-way on trio.
        with anyio.move_on_after(DRAIN if whole else 0):
            async for _ in lines:
                pass
    raise ValueError(f"the answer breaks off after '{''.join(pieces)[-LONGEST_REASON:]}'")


def _load(data: bytes | str) -> dict[str, Any]:
    """Read a JSON object. Raises ValueError."""
    try:
        found = json.loads(data)
    except RecursionError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  (of what was sent)
    return found


def _parse(body: bytes) -> Transcript:
    """Parse an answer in one piece. Raises ValueError when it is none."""
    try:
        answer = _load(body)
        text = answer["text"].strip()
        words = tuple(
            Word(word["word"].strip(), float(word["start"]), float(word["end"]))
            for word in answer.get("words") or ()
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        beginning = body[:60].decode(errors="replace").strip()
        raise ValueError(f"{beginning!r} (is base_url right, with /v1?)") from None
    return Transcript(text, words, language=answer.get("language"))


def _refusal(error: "APIStatusError") -> str:
    advice = {
        401: "check stt.api_key",
        403: "check stt.api_key",
        404: "check stt.base_url and stt.model",
        429: "try again later",
    }
    hint = f"; {advice[error.status_code]}" if error.status_code in advice else ""
    return f"answered {error.status_code}: {error.message.splitlines()[0][:200]}{hint}"
