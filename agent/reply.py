"""One reply: language model, speech and playback of one turn, in one cancel scope.

What survives a cancelled reply is one fact: what the listener really heard.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.audio.playback import Playback, Track
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantSpeechStarted,
    AssistantText,
    ErrorEvent,
    Event,
)
from agent.graph import only
from agent.heard import heard_words, split_at
from agent.latency import Stopwatch
from llm_adapters import LanguageModelError, TextDelta
from tts import ConversationalSpeech, Heard, SpokenWord, TextToSpeech, Utterance
from tts.clean import SpeechText

Thoughts = AsyncGenerator[TextDelta, None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a reply ended: the words heard, and whether the user or a failure cut it short.

    `sound`: how it sounded, where the voice wants to know.
    """

    heard: str
    interrupted: bool
    sound: Heard | None = None


class Reply:
    """The answer to one turn. `run` it once; `stop` it at any time."""

    def __init__(
        self,
        turn: int,
        tts: TextToSpeech,
        playback: Playback,
        report: Callable[[Event], None],
        apology: str,
    ) -> None:
        """`apology` is spoken in the place of what an engine's failure leaves missing."""
        self.turn = turn
        self.outcome: Outcome | None = None
        self._tts = tts
        self._report = report
        self._apology = apology
        self._scope = anyio.CancelScope()
        self._track: Track = playback.open(tts.sample_rate)
        self._text = ""  # as the model gave it
        self._spoken = ""  # as the synthesiser was given it
        self._words: list[SpokenWord] = []
        self._generated = 0  # samples
        self._voice_remembers = isinstance(tts, ConversationalSpeech)
        self._pcm: list[NDArray[np.float32]] = []  # kept for a voice that remembers

    async def run(self, thoughts: Thoughts, watch: Stopwatch) -> None:
        """Speak `thoughts` until all of it has been heard, or `stop`."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._announce, watch)
                    complete = await self._speak_or_apologise(thoughts, watch)
                    await self._track.drain()
                    tasks.cancel_scope.cancel()
                self._settle(complete=complete)
        finally:
            self._track.stop()
            self._settle(complete=False)

    def stop(self) -> None:
        """Silence within one block of the device; what was heard by then is the outcome."""
        self._track.stop()
        self._settle(complete=False)
        self._scope.cancel()

    async def _speak_or_apologise(self, thoughts: Thoughts, watch: Stopwatch) -> bool:
        try:
            await self._speak(self._thinking(thoughts, watch), watch)
        except Exception as error:  # noqa: BLE001  (P6: a dead engine ends a turn, never more)
            self._fail("tts", error)
        else:
            return True
        try:
            await self._speak(_constant(self._apology), watch)
        except Exception as error:  # noqa: BLE001
            self._fail("tts", error)
        return False

    async def _speak(self, text: AsyncGenerator[str, None], watch: Stopwatch) -> None:
        offset = self._generated
        async with self._tts.open() as utterance, anyio.create_task_group() as tasks:
            tasks.start_soon(self._feed, utterance, text)
            async for speech in utterance:
                watch.mark("first_audio")
                self._words += [SpokenWord(w.text, w.start + offset) for w in speech.words]
                self._generated += len(speech.pcm)
                if self._voice_remembers:
                    self._pcm.append(speech.pcm)
                await self._track.write(speech.pcm)

    async def _feed(self, utterance: Utterance, text: AsyncGenerator[str, None]) -> None:
        cleaner = SpeechText()
        async with aclosing(text):
            async for fragment in text:
                await self._say(utterance, cleaner.feed(fragment))
        await self._say(utterance, cleaner.finish())
        await utterance.finish()

    async def _say(self, utterance: Utterance, text: str) -> None:
        if text:
            self._spoken += text
            await utterance.feed(text)

    async def _thinking(self, thoughts: Thoughts, watch: Stopwatch) -> AsyncGenerator[str, None]:
        """The model's text, ended with the apology where the model fails."""
        failure: Exception | None = None
        try:
            async with aclosing(thoughts):
                async for delta in thoughts:
                    watch.mark("first_token")
                    self._text += delta.text
                    self._report(AssistantText(self.turn, delta.text))
                    yield delta.text
        except Exception as error:  # noqa: BLE001  (P6)
            failure = error
        if failure is None and not self._text.strip():
            failure = LanguageModelError("the language model gave an empty reply")
        if failure is not None:
            self._fail("llm", failure)
            # What was said stays said; a sentence that broke off is ended before the apology.
            apology = f" … {self._apology}" if self._text.strip() else self._apology
            self._text += apology
            yield apology

    async def _announce(self, watch: Stopwatch) -> None:
        when = await self._track.started()
        if when is not None:
            watch.mark("first_sample", when)
            self._report(AssistantSpeechStarted(self.turn))
            self._report(watch.latency(self.turn))

    def _fail(self, stage: str, error: Exception) -> None:
        cause = only(error)
        self._report(ErrorEvent(stage, type(cause).__name__, str(cause), recovered=True))

    def _settle(self, *, complete: bool) -> None:
        """Fix the outcome, once."""
        if self.outcome is not None:
            return
        if complete:
            text = self._text.strip()
            self.outcome = Outcome(text, interrupted=False, sound=self._sound(self._words))
            self._report(AssistantDone(self.turn, text))
            return
        words = heard_words(self._words, self._track.played, self._generated, self._tts.sample_rate)
        heard, unheard = split_at(self._spoken, words)
        self.outcome = Outcome(heard, interrupted=True, sound=self._sound(words))
        self._report(AssistantInterrupted(self.turn, heard, unheard))

    def _sound(self, words: Sequence[SpokenWord]) -> Heard | None:
        """What left the speaker, with the words that were heard in it."""
        if not self._pcm or not words:
            return None
        pcm = np.concatenate(self._pcm)[: self._track.played]
        return Heard("agent", pcm, self._tts.sample_rate, tuple(words))


async def _constant(text: str) -> AsyncGenerator[str, None]:
    if text:
        yield text
