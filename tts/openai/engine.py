"""The engine `openai`: speech endpoints of OpenAI, Kokoro-FastAPI, LocalAI, speaches and the like.

A clause is a request, and its audio goes out as it comes; the next clause is asked for meanwhile,
so that no pause of the network is heard. The client is httpx2, which the `openai` package brings:
with it every byte of an answer is counted before it is kept, of an error's page too.
"""

import os
import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from copy import copy
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import anyio.to_thread
from pydantic import Field

from tts import speed as measured
from tts.estimate import StreamedWords
from tts.openai.answer import read_reason, read_sound
from tts.protocol import TextToSpeechError, Utterance
from tts.utterance import Send, open_utterance

if TYPE_CHECKING:
    from httpx2 import AsyncClient

OPENAI = "https://api.openai.com/v1"
TIMEOUT, FAST_TIMEOUT = 15.0, 6.0
"""Seconds for the next of an answer, and where there is a fallback."""
RETRIES = 2
BACKOFF = 0.5
"""Seconds before a second try; twice as many before each further one."""
_PASSING = {408, 409, 425, 429, 500, 502, 503, 504}


class _PassingError(Exception):
    """A failure that may be gone when it is tried again; the message completes "the endpoint …"."""


class OpenAI:
    """Client of a speech endpoint. Nothing is imported or connected before `load`."""

    def __init__(
        self,
        *,
        model: Annotated[
            str, Field(min_length=1, description="Name of the model.")
        ] = "gpt-4o-mini-tts",
        voice: Annotated[str, Field(min_length=1, description="Name of the voice.")] = "alloy",
        instructions: Annotated[
            str | None, Field(description="How to speak, for a model that can be told.")
        ] = None,
        speed: Annotated[
            float | None, Field(ge=0.25, le=4, description="1 is normal; null leaves it unsaid.")
        ] = None,
        base_url: Annotated[
            str | None,
            Field(description="Endpoint, e.g. http://127.0.0.1:8880/v1; null for OpenAI's own."),
        ] = None,
        api_key: Annotated[
            str | None,
            Field(description="Its key; null for OPENAI_API_KEY, or for a server that needs none."),
        ] = None,
        sample_rate: Annotated[
            int, Field(ge=8000, le=96000, description="In Hz, of the samples that it sends.")
        ] = 24000,
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
    ) -> None:
        self._url = (base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI).rstrip("/")
        self._api_key = api_key
        self._rate = sample_rate
        self._limits = timeout, retries
        self._timeout = timeout or TIMEOUT
        self._retries = RETRIES if retries is None else retries
        self._request: dict[str, Any] = {"model": model, "voice": voice, "response_format": "pcm"}
        if instructions is not None:
            self._request["instructions"] = instructions
        if speed is not None:
            self._request["speed"] = speed
        self._key = ""
        self._pace: float | None = None  # samples of a letter
        self._client: AsyncClient | None = None

    @property
    def sample_rate(self) -> int:
        """As it was asked for."""
        return self._rate

    def fail_fast(self) -> None:
        """Wait and try less where that is not configured: another voice is there to go on."""
        timeout, retries = self._limits
        self._timeout = timeout or FAST_TIMEOUT
        self._retries = retries or 0

    async def load(self) -> None:
        """Make the client; no request is sent. Raises TextToSpeechError."""
        if self._client is None:
            self._client = await anyio.to_thread.run_sync(self._connect)

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
            if self._pace is not None:
                letter = self._pace / self._rate
                await anyio.to_thread.run_sync(measured.keep, self._named(), letter)

    @property
    def voices(self) -> Sequence[str]:
        """None: such servers have no common way to list them."""
        return ()

    def in_voice(self, name: str) -> "OpenAI":
        """Return the same in another voice, whether or not the server has it (`tts.ManyVoices`)."""
        other = copy(self)
        other._request = self._request | {"voice": name}
        return other

    def open(self) -> AbstractAsyncContextManager[Utterance]:
        """Open one utterance; leaving early hangs up."""
        if self._client is None:
            raise TextToSpeechError("the speech client is not loaded: await load() first")
        return open_utterance(self._synthesise, ahead=1)

    async def _synthesise(self, clause: str, send: Send) -> None:
        for tried in range(self._retries + 1):
            words = StreamedWords(clause, self._rate, self._pace)
            try:
                await self._ask(clause, words, send)
            except _PassingError as error:
                if words.made or tried == self._retries:
                    raise self._error(str(error)) from None
                await anyio.sleep(BACKOFF * 2**tried)
            else:
                self._pace = words.pace or self._pace
                return

    async def _ask(self, clause: str, words: StreamedWords, send: Send) -> None:
        """Send a clause, and what it sounds like on. Raises _PassingError, TextToSpeechError."""
        from httpx2 import RequestError, TimeoutException

        assert self._client is not None
        request = self._request | {"input": clause}
        try:
            async with self._client.stream("POST", "audio/speech", json=request) as response:
                if response.is_error:
                    raise self._refusal(response.status_code, await read_reason(response))
                async with aclosing(read_sound(response, self._rate)) as sound:
                    async for pcm in sound:
                        if len((piece := words.piece(pcm)).pcm):
                            await send(piece)
        except TimeoutException:
            raise self._error(f"said nothing for {self._timeout:g} s (tts.timeout)") from None
        except ValueError as error:
            raise self._error(str(error)) from None
        except RequestError as error:
            raise _PassingError(f"cannot be reached: {error or type(error).__name__}") from None
        if not len((piece := words.rest()).pcm):
            raise self._error("sent no sound")
        await send(piece)

    def _refusal(self, status: int, detail: str) -> Exception:
        if status in {401, 403}:
            return self._error(f"answered {status}: {detail}; set OPENAI_API_KEY or tts.api_key")
        if status == 404:
            return self._error(
                f"answered 404: {detail}; check tts.base_url, which usually ends in /v1, tts.model "
                "and tts.voice"
            )
        if status in _PASSING:
            return _PassingError(f"answered {status}: {detail}")
        return self._error(f"answered {status}: {detail}; check tts.model and tts.voice")

    def _error(self, what: str) -> TextToSpeechError:
        """Say what went wrong at the endpoint, without its secrets, on one line."""
        place = re.sub(r"(?<=://)[^/]*@|\?.*", "", self._url)
        return TextToSpeechError(
            " ".join(f"{place} {what}".replace(self._key or "\n", "***").split())
        )

    def _named(self) -> str:
        """How its pace is kept."""
        return measured.pace(f"{self._url} {self._request['model']}", self._request["voice"])

    def _connect(self) -> "AsyncClient":
        """Import the client and make it: slow, so in a thread."""
        import httpx2

        if (letter := measured.kept(self._named())) is not None:
            self._pace = letter * self._rate  # so that the first reply's words have their times

        key = (self._api_key or os.environ.get("OPENAI_API_KEY") or "").strip()
        if not key and self._url == OPENAI:
            raise TextToSpeechError(
                "OpenAI needs an API key: set OPENAI_API_KEY or tts.api_key, or set tts.base_url "
                "to a server of your own"
            )
        if not (key.isascii() and key.isprintable()):
            raise TextToSpeechError(
                "the API key holds characters that no key has: set OPENAI_API_KEY or tts.api_key"
            )
        self._key = key
        headers = {"accept-encoding": "identity"}  # counted as it comes, and sound is not text
        if key:
            headers["authorization"] = f"Bearer {key}"
        if not re.match(r"https?://[^/?#]", self._url):
            raise TextToSpeechError("tts.base_url is not a URL like http://127.0.0.1:8880/v1")
        try:
            url = httpx2.URL(self._url + "/")
        except httpx2.InvalidURL as error:
            raise TextToSpeechError(f"tts.base_url is not a URL: {error}") from None
        return httpx2.AsyncClient(base_url=url, headers=headers, timeout=self._timeout)
