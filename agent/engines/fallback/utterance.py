"""An utterance that several voices may speak: what one of them has not said, the next one says."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import anyio
import anyio.lowlevel
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.engines.fallback.ranking import Candidate, Ranking
from agent.engines.rate import RateConverter
from agent.engines.telling import tell
from agent.engines.tts import GuardedTextToSpeech, GuardedUtterance
from agent.events import WarningEvent
from tts import ExpressiveSpeech, Speech, SpokenWord, TextToSpeechError
from tts.clean import SpeechText
from tts.estimate import LETTERS_A_SECOND, fill_in, loud_frames
from tts.normalise.stream import end_of
from tts.utterance import SpeechReader, unwrapping_task_group

FRAGMENTS = 64
"""Fragments of text that wait for the voice: more than this hold the writer up."""
MOST = 0.75
"""The share of a word's sound after which it has been said."""

Opener = Callable[[GuardedTextToSpeech], AbstractAsyncContextManager[GuardedUtterance] | None]
"""Opens an utterance of a voice; None for one that cannot speak it."""


class FallbackUtterance(SpeechReader):
    """One utterance; see `tts.Utterance`. The voice that speaks is used in a task of its own."""

    def __init__(
        self,
        voices: Ranking[GuardedTextToSpeech],
        sample_rate: int,
        opener: Opener,
        text: MemoryObjectSendStream[str],
        speech: MemoryObjectReceiveStream[Speech],
    ) -> None:
        super().__init__(speech)
        self._voices = voices
        self._rate = sample_rate
        self._opener = opener
        self._text = text

    async def feed(self, text: str) -> None:
        """Take more text; after a failure of all, which the iterator raises, it is dropped."""
        try:
            await self._text.send(text)
        except anyio.BrokenResourceError:
            await anyio.lowlevel.checkpoint()

    async def finish(self) -> None:
        """End the text."""
        self._text.close()

    async def run(
        self, text: MemoryObjectReceiveStream[str], speech: MemoryObjectSendStream[Speech]
    ) -> None:
        """Have one voice after the other speak, until all is said or all have failed."""
        part = _Part(self._rate, speech)
        with text, speech:
            for candidate in self._voices.order():
                if (opened := self._opener(candidate.engine)) is None:
                    continue
                try:
                    await self._voices.prepare(candidate)
                    part.begin(candidate.engine.sample_rate)
                    async with opened as utterance:
                        await self._speak(candidate, utterance, part, text)
                except TextToSpeechError as error:
                    candidate.breaker.trip(error)
                    self._error = error
                    await part.end()
                    part = part.rest()
                else:
                    self._error = None
                    return

    async def _speak(
        self,
        candidate: Candidate[GuardedTextToSpeech],
        utterance: GuardedUtterance,
        part: "_Part",
        text: MemoryObjectReceiveStream[str],
    ) -> None:
        """Have one voice say its part of the text. Raises TextToSpeechError."""
        failed: list[TextToSpeechError] = []
        ended = False
        cleaner = self._cleaner(candidate.engine)

        async def feed(piece: str) -> None:
            if piece:
                await utterance.feed(piece)

        async def write() -> None:
            nonlocal ended
            try:
                await feed(cleaner.feed(part.text) if cleaner else part.text)
                async for fragment in text:
                    part.text += fragment
                    await feed(cleaner.feed(fragment) if cleaner else fragment)
                ended = True
                await feed(cleaner.finish() if cleaner else "")
                await utterance.finish()
            except TextToSpeechError as error:
                failed.append(error)
                tasks.cancel_scope.cancel()

        async with unwrapping_task_group() as tasks:
            tasks.start_soon(write)
            async for speech in utterance:
                if len(speech.pcm) and (change := self._voices.works(candidate, "speaks")):
                    tell(WarningEvent("tts", f"tts.{change.code}", change.message))
                await part.add(speech)
            if not ended:
                failed.append(TextToSpeechError("the voice ended before its text"))
            tasks.cancel_scope.cancel()
        if failed:
            raise failed[0]
        await part.end()

    def _cleaner(self, voice: GuardedTextToSpeech) -> SpeechText | None:
        """What takes sounds such as (laughs) out for a voice that would read their names."""
        made, wanted = (
            set(each.sounds) if isinstance(each, ExpressiveSpeech) else set()
            for each in (voice, self._voices.engines[0])
        )
        return SpeechText(sounds=sorted(made)) if wanted - made else None


class _Part:
    """What one voice says of an utterance: its text, and its sound at the utterance's rate."""

    def __init__(
        self,
        rate: int,
        speech: MemoryObjectSendStream[Speech],
        text: str = "",
        start: int = 0,
        told: int = 0,
    ) -> None:
        """`start`: samples of the utterance before it; its first words so many `told` of before."""
        self.text = text
        self._rate = rate
        self._speech = speech
        self._start = start
        self._told_before = told
        self.begin(rate)

    def begin(self, rate: int) -> None:
        """A voice begins that speaks at `rate` Hz."""
        self._scale = self._rate / rate
        self._converter = RateConverter(rate, self._rate)
        self._made = 0  # samples
        self._words: list[SpokenWord] = []
        self._told = 0  # words that have been passed on
        self._loud: list[NDArray[np.int64]] = []

    async def add(self, speech: Speech) -> None:
        """Pass on what the voice gives."""
        self._words += [SpokenWord(w.text, round(w.start * self._scale)) for w in speech.words]
        await self._pass_on(self._converter.process(speech.pcm))

    async def end(self) -> None:
        """Pass on what the resampler holds back: the voice has ended."""
        await self._pass_on(self._converter.process(np.zeros(0, np.float32), last=True), last=True)

    async def _pass_on(self, pcm: NDArray[np.float32], *, last: bool = False) -> None:
        self._loud.append(loud_frames(pcm, self._rate) + self._made)
        self._made += len(pcm)
        begun = len(self._words) if last else bisect_left(self._words, self._made, key=_start)
        new = self._words[max(self._told, self._told_before) : begun]
        self._told = max(self._told, begun)
        if len(pcm) or new:
            words = tuple(SpokenWord(word.text, self._start + word.start) for word in new)
            await self._speech.send(Speech(pcm, words))

    def rest(self) -> "_Part":
        """What another voice has to say: all but the words that this one has said."""
        loud = np.concatenate(self._loud) if self._loud else np.zeros(0, np.int64)
        words = list(fill_in(self.text, self._words, loud, whole=False, pace=None))
        told = 0
        if words and not self._ends_whole(words):
            told = int(words.pop() in self._words)
        text = self.text[end_of(words, self.text) :].lstrip()
        return _Part(self._rate, self._speech, text, self._start + self._made, told)

    def _ends_whole(self, words: Sequence[SpokenWord]) -> bool:
        """Whether the last of the words has been said to its end, as far as can be known."""
        *before, last = words
        pace = self._rate / LETTERS_A_SECOND
        if before:
            letters = sum(len(word.text) + 1 for word in before)
            pace = (last.start - before[0].start) / letters
        return self._made - last.start >= MOST * (len(last.text) + 1) * pace


def _start(word: SpokenWord) -> int:
    return word.start
