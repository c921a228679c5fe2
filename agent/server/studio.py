"""The studio's server side: scripts for Dia2's two speakers, or Dia's, and the voices made for it.

Samples leave as they are rendered. One script is rendered at a time: conversations come first.
"""

import secrets
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import anyio
import anyio.to_thread
import numpy as np
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from agent import voice_making
from agent.audio.wav import pcm16, wav_header
from agent.config.engines import TTS, create_tts, fitting_voice
from agent.engines import OFFLINE, GuardedTextToSpeech
from agent.engines.rate import RateConverter
from agent.errors import AudioError, ParleyError, leaves_of
from agent.guards.text import valid
from agent.server.audio.encoder import RATE
from agent.server.audio.requests import parse, read_body, read_form
from agent.server.errors import ApiError, ServerBusyError
from agent.server.server import Server
from agent.server.streaming import Streaming
from stt import SpeechToTextError
from tts import ScriptedSpeech, TextToSpeechError, Utterance

LONGEST = 20_000
"""Characters of a script."""
MAX_BODY = 256 << 10
MAX_CLIP = 32 << 20
"""Bytes of a recording that a voice is made from."""
PIECE = 500
LARGEST_SEED = (1 << 53) - 1
"""What JavaScript can count to."""


class Script(BaseModel):
    """A script, and how it is to be spoken; None stands for the engine's settings."""

    script: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    voices: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=2)] = []
    cfg: Annotated[float, Field(ge=1, le=10)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] | None = None


def routes(server: Server) -> list[BaseRoute]:
    """The routes below `/studio/`."""
    studio = Studio(server)
    return [
        Route("/studio/", studio.about),
        Route("/studio/render", studio.render, methods=["POST"]),
        Route("/studio/voices", studio.make_voice, methods=["POST"]),
        Route("/studio/voices/{name}", studio.play_voice, methods=["GET"]),
        Route("/studio/voices/{name}", studio.remove_voice, methods=["DELETE"]),
    ]


class Studio:
    """The studio of a server: the agent's own Dia2 or Dia, or a Dia2 loaded when first used."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._own: GuardedTextToSpeech | None = None
        self._loading: anyio.Event | None = None
        self._busy = False

    async def about(self, _: Request) -> JSONResponse:
        """Tell what there is to write and to choose from."""
        from tts.clean import SOUNDS as DIA2
        from tts.dia.text.reader import SOUNDS as DIA

        self._need_model()
        dia = voice_making.engine_of(self._server.agent.config) == "dia"
        return JSONResponse({"sounds": [*(DIA if dia else DIA2)], "voices": await self._voices()})

    async def render(self, request: Request) -> Response:
        """Speak a script: 16-bit samples at 24 kHz as they come; the header has the seed."""
        self._need_model()
        script = parse(Script, await read_body(request, MAX_BODY))
        if not any(map(str.isalnum, script.script)):
            raise ApiError("nothing to say: the script has no words", param="script")
        if script.seed is None:
            script = script.model_copy(update={"seed": secrets.randbits(32)})
        headers = {"Parley-Seed": str(script.seed), "Parley-Rate": str(RATE)}
        return Streaming(self._rendered(script), "application/octet-stream", headers)

    async def make_voice(self, request: Request) -> JSONResponse:
        """Make a voice of a recording, with its speaker's consent."""
        self._need_model()
        form = await read_form(request, MAX_CLIP + MAX_BODY, files=1, fields=10, field=4096)
        try:
            name, clip = form.get("name"), form.get("clip")
            if not isinstance(name, str) or not isinstance(clip, UploadFile):
                raise ApiError("name and clip are needed", code="missing_required_parameter")
            if form.get("consent") != "yes":
                message = "no voice is made without the speaker's consent"
                raise ApiError(message, code="consent_missing", param="consent")
            if (clip.size or 0) > MAX_CLIP:
                raise ApiError(f"the recording is larger than {MAX_CLIP >> 20} MiB", status=413)
            with self._server.session("studio"), _told():
                config = self._server.agent.config
                await voice_making.from_upload(valid(name), clip.file, config, "on the web page")
        finally:
            await form.close()
        return JSONResponse({"voices": await self._voices()}, 201)

    async def play_voice(self, request: Request) -> Response:
        """Send a voice's recording as a WAV file."""
        self._need_model()
        with self._server.session("studio"), _told(status=404):
            name, config = request.path_params["name"], self._server.agent.config
            pcm, rate = await anyio.to_thread.run_sync(voice_making.sound_of, name, config)
        data = pcm16(pcm)
        return Response(wav_header(rate, 1, len(data)) + data, media_type="audio/wav")

    async def remove_voice(self, request: Request) -> JSONResponse:
        """Delete a voice."""
        self._need_model()
        with _told(status=404):
            await anyio.to_thread.run_sync(voice_making.remove, request.path_params["name"])
        return JSONResponse({"voices": await self._voices()})

    async def _voices(self) -> list[dict[str, Any]]:
        return await anyio.to_thread.run_sync(voice_making.listed, self._server.agent.config)

    def _need_model(self) -> None:
        with _told(status=501, code="no_dia2"):
            voice_making.need_torch(voice_making.engine_of(self._server.agent.config))

    async def _rendered(self, script: Script) -> AsyncGenerator[bytes, None]:
        """The samples of a script, as bytes. Raises ApiError."""
        if self._busy:
            raise ServerBusyError("another script is being rendered", status=429)
        self._busy = True
        try:
            speaks = isinstance(self._server.agent.tts, ScriptedSpeech)  # and not one of our own
            with self._server.session("studio", speaks=speaks) as session:
                engine = await self._engine()
                options = {"cfg": script.cfg, "temperature": script.temperature}
                opened = partial(engine.open_script, script.voices, seed=script.seed, **options)
                try:
                    async with opened() as utterance, anyio.create_task_group() as tasks:
                        tasks.start_soon(_feed, utterance, valid(script.script))
                        converter = RateConverter(engine.sample_rate, RATE)
                        async for piece in utterance:
                            yield pcm16(converter.process(piece.pcm))
                        if engine.sample_rate != RATE:
                            yield pcm16(converter.process(np.zeros(0, np.float32), last=True))
                except* TextToSpeechError as errors:
                    error = next(iter(leaves_of(errors)))
                    session.failed("tts", error)
                    raise ApiError(str(error)) from None
        finally:
            self._busy = False

    async def _engine(self) -> GuardedTextToSpeech:
        """The agent's voice if it speaks scripts, or one that does. Raises ApiError."""
        agent = self._server.agent
        if isinstance(agent.tts, ScriptedSpeech):
            return agent.tts
        while self._loading is not None:  # somebody else is at it
            await self._loading.wait()
        if self._own is None:
            self._loading = anyio.Event()
            try:
                voice = fitting_voice(agent.config.tts).named("dia2")
                section = voice or TTS.validate({"engine": "dia2"})
                own = GuardedTextToSpeech(create_tts(section), patience=OFFLINE)
                with _told(status=500):
                    await own.load()
                self._server.engines.append(own)
                self._own = own
            finally:
                self._loading.set()
                self._loading = None
        return self._own


async def _feed(utterance: Utterance, script: str) -> None:
    for start in range(0, len(script), PIECE):
        await utterance.feed(script[start : start + PIECE])
    await utterance.finish()


@contextmanager
def _told(*, status: int = 400, code: str | None = None) -> Iterator[None]:
    """Turn what was raised for people into the protocol's error."""
    try:
        yield
    except ApiError:
        raise
    except (ParleyError, AudioError, TextToSpeechError, SpeechToTextError) as error:
        raise ApiError(str(error), status=status, code=code) from None
