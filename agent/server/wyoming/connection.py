"""One connection of Home Assistant's: what it asks for is done in order, and read meanwhile."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from wyoming.asr import (
    Transcribe,
    Transcript,
)
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeVoice,
)

from agent.guards.foreign import describe as explained
from agent.guards.foreign import only
from agent.server.errors import ApiError
from agent.server.server import Server
from agent.server.wyoming.conversations import Conversations
from agent.server.wyoming.description import describe
from agent.server.wyoming.hearing import Wish
from agent.server.wyoming.requests import answer, hear, say, say_as_written
from agent.server.wyoming.text import Text, checked
from agent.server.wyoming.wire import EventError, EventStream, WireError, taken_apart
from stt import SpeechToTextError
from tts import TextToSpeechError

log = logging.getLogger(__name__)

CHUNKS = 16
"""Chunks of sound that may wait for the recogniser: then reading waits, and so does the peer."""
TEXT = 20_000
"""Characters to be spoken, or answered, at once."""
LOADING = 300.0
"""Seconds that a request waits for the models; Home Assistant starts when we do."""
_STAGES = {SpeechToTextError: "stt", TextToSpeechError: "tts"}


@dataclass(frozen=True, slots=True)
class _Job:
    """A request under way, and what it takes in, which ends with it."""

    work: Callable[[], Awaitable[None]]
    takes: AbstractContextManager[object] = field(default_factory=nullcontext)
    speaks: bool = False


class Connection:
    """A connection: `describe` and `ping` are answered at once, requests one after the other."""

    def __init__(self, server: Server, conversations: Conversations, events: EventStream) -> None:
        self._server = server
        self._conversations = conversations
        self._events = events
        self._jobs, self._given = anyio.create_memory_object_stream[_Job]()
        self._sound: MemoryObjectSendStream[AudioChunk] | None = None
        self._text: Text | None = None
        self._wish = Wish()  # of the recording that comes next

    async def run(self) -> None:
        """Answer until the peer has nothing more to say, or a request has failed."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._work, tasks.cancel_scope)
            with self._jobs:
                try:
                    await self._listen()
                finally:
                    self._end_sound()
                    self._end_text()

    async def _listen(self) -> None:
        while True:
            try:
                event = await self._events.read()
                if event is None:
                    return
                with taken_apart(event):
                    await self._on(event)
            except EventError as error:
                await self._refuse(str(error), "bad_event")
            except WireError as error:
                await self._refuse(str(error), "bad_protocol")
                return
            except anyio.BrokenResourceError:
                return  # a request has failed, and ends the connection

    async def _on(self, event: Event) -> None:
        kind = event.type
        if Describe.is_type(kind):
            await self._events.send(describe(self._server.agent))
        elif Ping.is_type(kind):
            await self._events.send(Pong(Ping.from_event(event).text))
        elif AudioStart.is_type(kind):
            await self._begin_sound()
        elif AudioChunk.is_type(kind):
            await self._hear(AudioChunk.from_event(event))
        elif AudioStop.is_type(kind):
            if self._sound is None:  # nothing at all is silence
                await self._begin_sound()
            self._end_sound()
        elif Transcribe.is_type(kind):
            self._wish = Wish.of(Transcribe.from_event(event))
        elif SynthesizeStart.is_type(kind):
            await self._begin_text(SynthesizeStart.from_event(event).voice)
        elif SynthesizeChunk.is_type(kind) and self._text is not None:
            self._text.add(SynthesizeChunk.from_event(event).text)
        elif SynthesizeStop.is_type(kind):
            self._end_text()
        elif Synthesize.is_type(kind):
            await self._on_whole_text(Synthesize.from_event(event))
        elif Transcript.is_type(kind):
            await self._on_question(Transcript.from_event(event))
        # All others are ignored: a newer Home Assistant sends what nobody knows yet.

    async def _begin_sound(self) -> MemoryObjectSendStream[AudioChunk]:
        self._end_sound()
        self._sound, chunks = anyio.create_memory_object_stream[AudioChunk](CHUNKS)
        wish, self._wish = self._wish, Wish()
        await self._start(
            partial(hear, self._server.agent, chunks, wish, self._events.send), chunks
        )
        return self._sound

    async def _hear(self, chunk: AudioChunk) -> None:
        sound = self._sound or await self._begin_sound()
        with suppress(anyio.BrokenResourceError):  # there is an error, and it has been told
            await sound.send(chunk)

    def _end_sound(self) -> None:
        if self._sound is not None:
            self._sound.close()
            self._sound = None

    async def _begin_text(self, voice: SynthesizeVoice | None) -> None:
        self._end_text()
        self._text = Text(TEXT)
        speak = partial(say_as_written, self._server.agent, self._text, voice, self._events.send)
        await self._start(speak, self._text, speaks=True)

    def _end_text(self) -> None:
        if self._text is not None:
            self._text.end()
            self._text = None

    async def _on_whole_text(self, given: Synthesize) -> None:
        words = checked(given.text, TEXT)
        if self._text is not None:
            # A copy of what has been spoken already, for who does not take texts in pieces.
            if not self._text.length:
                self._text.add(words)
            return
        whole = Text(TEXT)
        whole.add(words)
        whole.end()
        await self._start(
            partial(say, self._server.agent, whole, given.voice, self._events.send),
            whole,
            speaks=True,
        )

    async def _on_question(self, question: Transcript) -> None:
        question.text = checked(question.text, TEXT)
        await self._start(
            partial(answer, self._server.agent, self._conversations, question, self._events.send)
        )

    async def _start(
        self,
        work: Callable[[], Awaitable[None]],
        takes: AbstractContextManager[object] | None = None,
        *,
        speaks: bool = False,
    ) -> None:
        """Have a request done once those before it have been; until then nothing more is read."""
        job = _Job(work, takes or nullcontext(), speaks)
        try:
            await self._jobs.send(job)
        except BaseException:
            with job.takes:
                raise

    async def _work(self, scope: anyio.CancelScope) -> None:
        """Do what is asked for. What fails ends the connection.

        For who waits for a transcript or a voice does not look at errors: Home Assistant takes the
        end of a connection for one.
        """
        with self._given:
            async for job in self._given:
                with job.takes:
                    if not await self._done(job):
                        break
        scope.cancel()

    async def _done(self, job: _Job) -> bool:
        """Do it, or tell why not."""
        try:
            with anyio.move_on_after(LOADING):
                await self._server.loaded.wait()
            with self._server.session("wyoming", speaks=job.speaks) as session:
                try:
                    await job.work()
                except Exception as error:
                    cause = only(error)
                    for kind, stage in _STAGES.items():
                        if isinstance(cause, kind):
                            session.failed(stage, cause)
                    raise
        except EventError as error:
            await self._refuse(str(error), "bad_event")
        except ApiError as error:
            await self._refuse(str(error), error.code or "refused")
        except Exception as error:  # noqa: BLE001  (P6: an engine ends a request at most)
            cause = only(error)
            known = isinstance(cause, (*_STAGES,))
            await self._refuse(str(cause) if known else explained(error), "failed")
        else:
            return True
        return False

    async def _refuse(self, why: str, code: str) -> None:
        log.warning("refused: %s", why)
        await self._events.send(Error(why, code))
