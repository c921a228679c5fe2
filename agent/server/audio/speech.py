"""`POST /v1/audio/speech`: a text is spoken, and sent from its first sound on."""

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal

import anyio
import anyio.to_thread
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from agent.errors import ConfigError, leaves_of
from agent.guards.text import valid
from agent.server.audio.encoder import KINDS, Encoder
from agent.server.audio.requests import parse, read_body
from agent.server.errors import ApiError
from agent.server.server import Server
from agent.server.streaming import EVENTS, Streaming, server_sent
from tts import TextToSpeech, TextToSpeechError, Utterance
from tts.spoken_text import SpokenText

LONGEST = 4096
"""Characters of a text, as OpenAI has it."""
MAX_BODY = 256 << 10
"""Bytes of a request: every character may be written as six."""
PIECE = 500
"""Characters that the voice is given at once."""


class VoiceName(BaseModel):
    """A voice that is named by its id."""

    id: Annotated[str, Field(max_length=200)]


class SpeechRequest(BaseModel):
    """What is to be said, and how; what is not known here is left alone."""

    input: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    model: Annotated[str, Field(max_length=200)] = ""
    voice: Annotated[str, Field(max_length=200)] | VoiceName = ""
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"

    @property
    def voice_name(self) -> str:
        """The voice's name, however it was given."""
        return self.voice if isinstance(self.voice, str) else self.voice.id


def routes(server: Server) -> list[BaseRoute]:
    """The route of the endpoint."""

    async def speech(request: Request) -> Streaming:
        wanted = parse(SpeechRequest, await read_body(request, MAX_BODY))
        body = _encoded(server, wanted)
        if wanted.stream_format == "sse":
            return Streaming(_events(wanted, body), EVENTS)
        return Streaming(body, KINDS[wanted.response_format].media_type)

    return [Route("/v1/audio/speech", speech, methods=["POST"])]


def voice_of(server: Server, name: str) -> TextToSpeech:
    """Return the voice of a name; the configured one for a name that the engine does not know.

    Clients name OpenAI's voices unasked.
    """
    try:
        return server.agent.voice(name) if name else server.agent.tts
    except ConfigError:
        return server.agent.tts


async def _encoded(server: Server, wanted: SpeechRequest) -> AsyncGenerator[bytes, None]:
    """The file, as it comes to be; closed, it ends the speech. Raises ApiError."""
    encoder: Encoder | None = None
    with server.session("speech", speaks=True) as session:
        voice = voice_of(server, wanted.voice_name)
        try:
            async with voice.open() as utterance, anyio.create_task_group() as tasks:
                tasks.start_soon(_feed, utterance, voice, valid(wanted.input))
                async for piece in utterance:
                    if encoder is None:
                        kind, rate = wanted.response_format, voice.sample_rate
                        encoder = Encoder(kind, rate, wanted.speed)
                    if data := await anyio.to_thread.run_sync(encoder.feed, piece.pcm):
                        yield data
        except* TextToSpeechError as errors:
            error = next(iter(leaves_of(errors)))
            session.failed("tts", error)
            raise ApiError(str(error), status=500, code="speech_failed") from None
        if encoder is None:
            raise ApiError("nothing to say: the text has no words in it", param="input")
        yield await anyio.to_thread.run_sync(encoder.finish)


async def _feed(utterance: Utterance, voice: TextToSpeech, text: str) -> None:
    spoken = SpokenText(voice)
    for start in range(0, len(text), PIECE):
        for piece in filter(None, spoken.feed(text[start : start + PIECE])):
            await utterance.feed(piece)
    await utterance.feed(spoken.finish())
    await utterance.finish()


async def _events(
    wanted: SpeechRequest, body: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    """The same as server-sent events."""
    size = 0
    async with aclosing(body):
        async for data in body:
            size += len(data)
            audio = base64.b64encode(data).decode()
            yield server_sent({"type": "speech.audio.delta", "audio": audio})
    # Tokens are what a hosted model is paid by; letters in, bytes out are what there is here.
    given, made = len(wanted.input), size
    usage = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
    yield server_sent({"type": "speech.audio.done", "usage": usage})
