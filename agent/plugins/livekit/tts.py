"""Speech for LiveKit's agents: the text goes to the voice as the tokens come."""

from collections.abc import AsyncGenerator
from typing import Any

from livekit.agents import APIConnectOptions, APIError, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, TimedString

from agent.plugins import engines
from agent.plugins.speaking import pcm16, speak
from tts import Speech, TextToSpeech, TextToSpeechError


class Dia2TTS(tts.TTS):  # type: ignore[misc]
    """Speech by Dia2, or another of Parley's voices, streaming, with the times of its words."""

    def __init__(
        self,
        engine: engines.Described | TextToSpeech = "dia2",
        *,
        voice: str | None = None,
        sample_rate: int = 24000,
    ) -> None:
        """`engine`: a name, a section `tts` of a configuration, or an engine that agents share.

        `voice`: one of the engine's. `sample_rate`: that of the frames, whatever the engine's is.
        Raises ConfigError.
        """
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True, aligned_transcript=True),
            sample_rate=sample_rate,
            num_channels=1,
        )
        self.engine = engines.voice(engine, voice=voice)
        """The voice, which `load` loads; a reply does, if nobody has."""
        self._ours = engines.described(engine)

    @property
    def provider(self) -> str:
        """Who speaks."""
        return "parley"

    async def load(self) -> None:
        """Load the voice. Raises TextToSpeechError."""
        await self.engine.load()

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """Speak a whole text."""
        return self._synthesize_with_stream(text, conn_options=conn_options)

    def stream(
        self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.SynthesizeStream:
        """Speak a text that comes in fragments. Closing it frees the engine's slot."""
        return _Reply(tts=self, conn_options=conn_options)

    async def aclose(self) -> None:
        """Close the engine if nobody else has it."""
        if self._ours:
            await self.engine.aclose()


class _Reply(tts.SynthesizeStream):  # type: ignore[misc]
    """One reply."""

    async def _run(self, output_emitter: Any) -> None:
        rate = self._tts.sample_rate
        output_emitter.initialize(
            request_id=utils.shortuuid(),
            sample_rate=rate,
            num_channels=1,
            mime_type="audio/pcm",
            stream=True,
        )

        async def give(speech: Speech) -> None:
            words = [TimedString(f"{w.text} ", start_time=w.start / rate) for w in speech.words]
            output_emitter.push_timed_transcript(words)
            output_emitter.push(pcm16(speech.pcm))

        output_emitter.start_segment(segment_id=utils.shortuuid())
        try:
            await speak(self._tts.engine, self._fragments(), rate, give)
        except TextToSpeechError as error:
            raise APIError(str(error), retryable=False) from error

    async def _fragments(self) -> AsyncGenerator[str]:
        async for fragment in self._input_ch:
            if isinstance(fragment, str):
                self._mark_started()
                yield fragment
