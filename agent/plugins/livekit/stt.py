"""Recognition for LiveKit's agents, with Parley's turn-taking: when a turn begins and ends."""

from collections.abc import AsyncGenerator
from typing import Any

from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr

from agent.audio.resample import resample
from agent.config.sections import TurnSettings
from agent.errors import ParleyError
from agent.events import Audio
from agent.graph import Graph
from agent.plugins import engines
from agent.plugins.hearing import Hearing, samples
from agent.stages import source
from agent.turns.events import (
    PreemptiveTranscript,
    SpeechStarted,
    TranscriptionFailed,
    TurnTranscript,
    UserWords,
)
from agent.turns.vad import SAMPLE_RATE
from stt import SpeechToText, SpeechToTextError

_Type = stt.SpeechEventType


class ParleySTT(stt.STT):  # type: ignore[misc]
    """Recognition by Whisper, or another of Parley's recognisers; it says when a turn is over.

    For `AgentSession(turn_detection="stt")`. Interim transcripts while the user speaks; in each
    pause a preflight one, from which LiveKit has the reply prepared; a final one at the end.
    """

    def __init__(
        self,
        engine: engines.Described | SpeechToText = "whisper",
        *,
        turn: TurnSettings | None = None,
    ) -> None:
        """`engine`: a name, a section `stt` of a configuration, or an engine that agents share.

        `turn`: when a turn is over. Raises ConfigError.
        """
        super().__init__(
            capabilities=stt.STTCapabilities(streaming=True, interim_results=True),
        )
        self.engine = engines.recogniser(engine)
        """The recogniser, which `load` loads; what is heard does, if nobody has."""
        self.hearing = Hearing(self.engine, turn or TurnSettings())
        self._ours = engines.described(engine)

    @property
    def provider(self) -> str:
        """Who listens."""
        return "parley"

    async def load(self) -> None:
        """Load recogniser and voice detector. Raises SpeechToTextError, ParleyError."""
        await self.hearing.load()

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,  # noqa: ARG002  (as the recogniser is configured)
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        """Hear one user."""
        return _Listening(stt=self, conn_options=conn_options, sample_rate=SAMPLE_RATE)

    async def aclose(self) -> None:
        """Close the engine if nobody else has it."""
        if self._ours:
            await self.engine.aclose()

    async def _recognize_impl(self, buffer: Any, **_: Any) -> stt.SpeechEvent:
        frame = rtc.combine_audio_frames(buffer)
        pcm = resample(_mono(frame), frame.sample_rate, self.engine.sample_rate)
        try:
            await self.engine.load()
            async with self.engine.listen() as recognition:
                await recognition.feed(pcm)
                heard = await recognition.finish()
        except SpeechToTextError as error:
            raise APIError(str(error), retryable=False) from error
        return _event(_Type.FINAL_TRANSCRIPT, heard.text, heard.language)


class _Listening(stt.RecognizeStream):  # type: ignore[misc]
    """One user who is listened to."""

    async def _run(self) -> None:
        try:
            await self._stt.load()
            graph = Graph(source(self._blocks())).then(self._stt.hearing)
            async with graph.open() as (_, words):
                async for event in words:
                    self._tell(event)
        except (SpeechToTextError, ParleyError) as error:
            raise APIError(str(error), retryable=False) from error

    async def _blocks(self) -> AsyncGenerator[Audio]:
        async for frame in self._input_ch:
            if isinstance(frame, rtc.AudioFrame):
                yield Audio(_mono(frame), frame.sample_rate)

    def _tell(self, event: UserWords) -> None:
        send = self._event_ch.send_nowait
        match event:
            case SpeechStarted():
                send(stt.SpeechEvent(_Type.START_OF_SPEECH))
            case PreemptiveTranscript(text=text, language=language) if text:
                send(_event(_Type.PREFLIGHT_TRANSCRIPT, text, language))
            case TurnTranscript(text=text, final=False) if text:
                send(_event(_Type.INTERIM_TRANSCRIPT, text, None))
            case TurnTranscript(text=text, final=True, language=language):
                if text:
                    send(_event(_Type.FINAL_TRANSCRIPT, text, language))
                send(stt.SpeechEvent(_Type.END_OF_SPEECH))
            case TranscriptionFailed(why=why):
                self._emit_error(APIError(f"a turn was not understood: {why}"), recoverable=True)
                send(stt.SpeechEvent(_Type.END_OF_SPEECH))


def _event(kind: Any, text: str, language: str | None) -> stt.SpeechEvent:
    return stt.SpeechEvent(kind, alternatives=[stt.SpeechData(language or "", text)])


def _mono(frame: rtc.AudioFrame) -> Any:
    """The samples of a frame, its channels mixed."""
    return samples(bytes(frame.data)).reshape(-1, frame.num_channels).mean(axis=1)
