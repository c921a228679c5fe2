"""Speech for Pipecat's pipelines: the text goes to the voice as the tokens come."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterruptionFrame,
    StartFrame,
    TextType,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TextAggregationMode, TTSService

from agent.errors import ConfigError
from agent.plugins import engines
from agent.plugins.speaking import pcm16, speak
from tts import Speech, SpokenWord, TextToSpeech, TextToSpeechError

FRAGMENTS = 16
"""Fragments of text that may wait for the voice: more hold up who writes them."""
SILENT = 120.0
"""Seconds without sound after which Pipecat gives a reply up; the voice itself has failed before,
or the language model takes its time."""
SECOND = 1_000_000_000
"""Nanoseconds, as Pipecat's clock counts."""


@dataclass
class SpokenFrame(TTSAudioRawFrame):  # type: ignore[misc]
    """A piece of speech, and the words that start in it: in samples from the piece's first."""

    words: tuple[SpokenWord, ...] = ()


class Dia2TTSService(TTSService):  # type: ignore[misc]
    """Speech by Dia2, or another of Parley's voices.

    No sentence is waited for. A word is in the context once its sound begins to be heard, whether
    or not its sentence is complete; an interruption frees the voice's slot at once.
    """

    def __init__(
        self,
        engine: engines.Described | TextToSpeech = "dia2",
        *,
        voice: str | None = None,
        **options: Any,
    ) -> None:
        """`engine`: a name, a section `tts` of a configuration, or an engine that services share.

        `voice`: one of the engine's, which `TTSUpdateSettingsFrame` changes. `options`:
        Pipecat's. Raises ConfigError.
        """
        super().__init__(
            text_aggregation_mode=TextAggregationMode.TOKEN,
            push_text_frames=False,
            push_start_frame=True,
            stop_frame_timeout_s=SILENT,
            max_consecutive_zero_audio_contexts=0,  # a text may have nothing in it to be said
            settings=TTSSettings(model=None, voice=voice, language=None),
            **options,
        )
        self._engine = engines.voice(engine, voice=voice)
        self._ours = engines.described(engine)
        self._speaker = self._engine
        self._failed: TextToSpeechError | None = None
        self._texts: dict[str, MemoryObjectSendStream[str]] = {}
        self._speaking: dict[str, Any] = {}  # tasks, by their context
        self._heard_until = 0  # by Pipecat's clock, if all that was pushed is played

    @property
    def supports_processing_metrics(self) -> bool:
        """The speech is made while the text is still coming: there is no such time."""
        return False

    def can_generate_metrics(self) -> bool:
        """Times to the first sound are measured."""
        return True

    def occupied(self) -> int:
        """Return how many replies the service is speaking now."""
        return len(self._speaking)

    async def load(self) -> None:
        """Load the voice. Await it before the pipeline runs: that gives up after 20 s.

        What is loaded already costs nothing. Raises TextToSpeechError.
        """
        await self._engine.load()

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Load the voice, if nobody has."""
        await super().setup(setup)
        try:
            await self.load()
        except TextToSpeechError as error:
            self._failed = error

    async def start(self, frame: StartFrame) -> None:
        """Say so if the voice could not be loaded."""
        await super().start(frame)
        if (error := self._failed) is not None:
            await self.push_error(str(error), exception=error, force_treat_as_permanent=True)

    async def cleanup(self) -> None:
        """Stop speaking, and close the engine if nobody else has it."""
        await super().cleanup()
        for context_id in list(self._speaking):
            await self._end_reply(context_id)
        if self._ours:
            await self._engine.aclose()

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Hand a fragment to the voice; its sound goes to the context as it is made."""
        if not self._engine.ready:
            yield ErrorFrame(f"{self}: the voice is not loaded: await load() first")
            return
        if context_id not in self._texts:
            self._texts[context_id], texts = anyio.create_memory_object_stream[str](FRAGMENTS)
            self._speaking[context_id] = self.create_task(self._speak(context_id, texts))
        await self._texts[context_id].send(text)
        yield None

    async def flush_audio(self, context_id: str | None = None) -> None:
        """The text of a reply has ended: speak the rest."""
        context_id = context_id or self.get_active_audio_context_id()
        if context_id in self._texts:
            self._texts.pop(context_id).close()

    async def on_audio_context_interrupted(self, context_id: str) -> None:
        """Stop speaking: the slot is free when this returns."""
        await self._end_reply(context_id)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Forget on an interruption how long what was pushed would have been heard."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):  # not before: what is being pushed counts still
            self._heard_until = 0

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Push a frame, and behind a piece of speech its words, each for when it is heard."""
        await super().push_frame(frame, direction)
        if isinstance(frame, SpokenFrame):
            begins = max(self.get_clock().get_time(), self._heard_until)
            self._heard_until = begins + frame.num_frames * SECOND // frame.sample_rate
            context = self._tts_contexts.get(frame.context_id)
            words = []
            for word in frame.words:
                said = TTSTextFrame(word.text, TextType.WORD)
                said.pts = begins + word.start * SECOND // frame.sample_rate
                said.context_id = frame.context_id
                said.append_to_context = context is None or context.append_to_context
                words.append(said)
            await self._push_word_frames(words)

    async def _register_spoken_text(self, *_: Any) -> None:
        """Pipecat's own book of words is not kept: it holds words back until a sentence ends."""

    async def _update_settings(self, delta: TTSSettings) -> dict[str, Any]:
        changed: dict[str, Any] = await super()._update_settings(delta)
        if "voice" in changed:
            try:
                name = self._settings.voice
                self._speaker = self._engine.in_voice(name) if name else self._engine
            except ConfigError as error:
                self._settings.voice = changed["voice"]
                await self.push_error(str(error), exception=error)
        return changed

    async def _speak(self, context_id: str, texts: MemoryObjectReceiveStream[str]) -> None:
        given = 0

        async def give(speech: Speech) -> None:
            nonlocal given
            words = tuple(SpokenWord(w.text, w.start - given) for w in speech.words)
            given += len(speech.pcm)
            frame = SpokenFrame(
                pcm16(speech.pcm), self.sample_rate, 1, context_id=context_id, words=words
            )
            await self.append_to_audio_context(context_id, frame)

        with texts:
            try:
                await speak(self._speaker, texts, self.sample_rate, give)
            except TextToSpeechError as error:
                failed = ErrorFrame(f"{self}: {error}", exception=error)
                await self.append_to_audio_context(context_id, failed)
                async for _ in texts:  # nobody says it; but the reply ends with its text
                    pass
            stopped = TTSStoppedFrame(context_id=context_id)
            await self.append_to_audio_context(context_id, stopped)
            await self.remove_audio_context(context_id)
        self._speaking.pop(context_id, None)

    async def _end_reply(self, context_id: str) -> None:
        if context_id in self._texts:
            self._texts.pop(context_id).close()
        if (task := self._speaking.pop(context_id, None)) is not None:
            await self.cancel_task(task)
