"""Recognition for Pipecat's pipelines, with Parley's turn-taking: when a turn begins and ends."""

from collections.abc import AsyncGenerator
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InterimTranscriptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    StartFrame,
    STTMetadataFrame,
    TranscriptionFrame,
)
from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import STTService
from pipecat.transcriptions.language import Language
from pipecat.turns.eager_end_of_turn_mixin import EagerEndOfTurnSTTServiceMixin
from pipecat.utils.time import time_now_iso8601

from agent.config.sections import TurnSettings
from agent.errors import ParleyError
from agent.events import Audio
from agent.graph import Graph
from agent.plugins.engines import Described, described, recogniser
from agent.plugins.hearing import Hearing, samples
from agent.stages import source
from agent.turns.events import (
    PreemptiveTranscript,
    SpeechResumed,
    SpeechStarted,
    TranscriptionFailed,
    TurnTranscript,
    UserWords,
)
from stt import SpeechToText, SpeechToTextError


class ParleySTTService(EagerEndOfTurnSTTServiceMixin, STTService):  # type: ignore[misc]
    """Recognition by Whisper, or another of Parley's recognisers; it says when a turn is over.

    Interim transcriptions while the user speaks; in each pause an eager one, with
    `enable_eager_end_of_turn`, from which Pipecat has the reply prepared; a final one at the end.
    """

    def __init__(
        self,
        engine: Described | SpeechToText = "whisper",
        *,
        turn: TurnSettings | None = None,
        enable_interruptions: bool = True,
        **options: Any,
    ) -> None:
        """`engine`: a name, a section `stt` of a configuration, or an engine that services share.

        `turn`: when a turn is over. `enable_interruptions`: the user's voice silences the bot.
        `options`: Pipecat's. Raises ConfigError.
        """
        super().__init__(settings=STTSettings(model=None, language=None), **options)
        self._engine = recogniser(engine)
        self._ours = described(engine)
        self._hearing = Hearing(self._engine, turn or TurnSettings())
        self._interrupts = enable_interruptions
        self._failed: Exception | None = None
        self._sound: MemoryObjectSendStream[Audio] | None = None
        self._listening: Any = None  # a task

    @property
    def supports_ttfs(self) -> bool:
        """The service itself says when a turn is over, with its words."""
        return False

    def service_metadata_frame(self) -> STTMetadataFrame:
        """Recommend turn strategies that leave turns to this service."""
        frame = super().service_metadata_frame()
        frame.user_turn_strategies = self.recommended_user_turn_strategies(
            enable_interruptions=self._interrupts
        )
        return frame

    async def load(self) -> None:
        """Load the recogniser. Await it before the pipeline runs: that gives up after 20 s.

        What is loaded already costs nothing. Raises SpeechToTextError, ParleyError.
        """
        await self._hearing.load()

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Load the recogniser, if nobody has."""
        await super().setup(setup)
        try:
            await self.load()
        except (SpeechToTextError, ParleyError) as error:
            self._failed = error

    async def start(self, frame: StartFrame) -> None:
        """Listen, or say why the recogniser could not be loaded."""
        await super().start(frame)
        if (error := self._failed) is not None:
            await self.push_error(str(error), exception=error, force_treat_as_permanent=True)
            return
        self._sound, receive = anyio.create_memory_object_stream[Audio](16)
        self._listening = self.create_task(self._listen(receive))

    async def stop(self, frame: EndFrame) -> None:
        """Understand what was said, and end."""
        if self._sound is not None:
            self._sound.close()
            await self._listening
        await super().stop(frame)

    async def cancel(self, frame: CancelFrame) -> None:
        """End at once."""
        await super().cancel(frame)
        await self._leave()

    async def cleanup(self) -> None:
        """Stop listening, and close the engine if nobody else has it."""
        await super().cleanup()
        await self._leave()
        if self._ours:
            await self._engine.aclose()

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Hear more: 16 bit samples at `sample_rate`, whatever that is."""
        if self._sound is None:
            yield ErrorFrame(f"{self}: it is not loaded: await load() first")
            return
        pcm = samples(audio)
        await self._sound.send(Audio(pcm, self.sample_rate))
        yield None

    async def _listen(self, sound: MemoryObjectReceiveStream[Audio]) -> None:
        try:
            graph = Graph(source(sound)).then(self._hearing)
            async with sound, graph.open() as (_, words):
                async for event in words:
                    await self._tell(event)
        except ParleyError as error:
            await self.push_error(str(error), exception=error, force_treat_as_permanent=True)

    async def _tell(self, event: UserWords) -> None:
        match event:
            case SpeechStarted():
                await self.broadcast_frame(ProposedUserStartedSpeakingFrame)
            case SpeechResumed():
                await self._cancel_eager_end_of_turn()
            case PreemptiveTranscript(text=text) if text:
                language = _language(event.language)
                await self._push_eager_end_of_turn(text, user_id=self._user_id, language=language)
            case TurnTranscript(text=text, final=False) if text:
                interim = InterimTranscriptionFrame(text, self._user_id, time_now_iso8601())
                await self.push_frame(interim)
            case TurnTranscript(final=True):
                await self._end(event)
            case TranscriptionFailed(why=why):
                await self.push_error(f"{self}: a turn was not understood: {why}")
                await self._cancel_eager_end_of_turn()
                await self.broadcast_frame(ProposedUserStoppedSpeakingFrame)

    async def _end(self, heard: TurnTranscript) -> None:
        self._clear_eager_end_of_turn()
        await self.emit_stt_usage_metrics()
        if heard.text:
            language = _language(heard.language)
            final = TranscriptionFrame(heard.text, self._user_id, time_now_iso8601(), language)
            final.finalized = True
            await self.push_frame(final)
        await self.broadcast_frame(ProposedUserStoppedSpeakingFrame)

    async def _leave(self) -> None:
        if self._sound is not None:
            self._sound.close()
            task, self._listening = self._listening, None
            if task is not None:
                await self.cancel_task(task)


def _language(code: str | None) -> Language | None:
    """A language as Pipecat names it, if it does."""
    try:
        return None if code is None else Language(code)
    except ValueError:
        return None
