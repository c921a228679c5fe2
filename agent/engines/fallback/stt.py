"""Fallback between several recognisers: the first that works hears a turn, from its beginning."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.engines.fallback.ranking import Candidate, Ranking
from agent.engines.rate import RateConverter
from agent.engines.stt import GuardedRecognition, GuardedSpeechToText
from agent.engines.telling import tell
from agent.events import WarningEvent
from stt import (
    AdjustableRecogniser,
    SpeechToText,
    SpeechToTextError,
    Transcript,
    UnsupportedError,
)
from tts.utterance import unwrapping_task_group

Opened = Callable[[], AbstractAsyncContextManager[GuardedRecognition]]
Opener = Callable[[GuardedSpeechToText], Opened]
"""Finds how a recogniser hears an utterance as it is wanted. Raises UnsupportedError."""


class RecogniserFallback:
    """Recogniser that has one after the other hear a turn, those that failed of late last.

    What was heard of a turn is kept: a recogniser that fails in its middle is followed by one that
    hears it all. Each change is a warning, `stt.fallback` or `stt.recovered`.
    """

    listen_with: Callable[..., AbstractAsyncContextManager["FallbackRecognition"]]

    def __init__(
        self, recognisers: Sequence[tuple[str, SpeechToText]], *, patience: float = 1.0
    ) -> None:
        """The recognisers with the names that people know; the first is the one wanted.

        `patience`: how many times the usual limits they may take, where nobody waits for them.
        """
        guarded = [(name, GuardedSpeechToText(r, patience=patience)) for name, r in recognisers]
        self._recognisers = Ranking(guarded, SpeechToTextError)
        self._rate: int | None = None
        self._find_abilities()

    def _find_abilities(self) -> None:
        if any(isinstance(each, AdjustableRecogniser) for each in self._recognisers.engines):
            self.listen_with = self._listen_with

    @property
    def sample_rate(self) -> int:
        """That of the first recogniser that could be loaded."""
        return self._recognisers.engines[0].sample_rate if self._rate is None else self._rate

    @property
    def punctuates(self) -> bool:
        """Whether the punctuation of the one that hears next is evidence."""
        return self._recognisers.next.punctuates

    @property
    def patience(self) -> float:
        """Seconds until all of them have had their time."""
        return self._recognisers.patience

    async def load(self) -> None:
        """Load all. Raises the first one's SpeechToTextError if none can be loaded."""
        await self._recognisers.load()
        if self._rate is None:
            self._rate = self._recognisers.loaded.sample_rate

    async def aclose(self) -> None:
        """Close all."""
        await self._recognisers.aclose()

    def conversation(self) -> "RecogniserFallback":
        """Return it for one conversation (`stt.ConversationalRecogniser`)."""
        other = copy(self)
        other._recognisers = self._recognisers.changed(GuardedSpeechToText.conversation)
        other._find_abilities()
        return other

    def listen(self) -> AbstractAsyncContextManager["FallbackRecognition"]:
        """Recognise one utterance. Raises the last one's SpeechToTextError."""
        return self._opened(lambda recogniser: recogniser.listen)

    def _listen_with(self, **options: Any) -> AbstractAsyncContextManager["FallbackRecognition"]:
        """Recognise one utterance otherwise than configured, with those that can.

        Raises UnsupportedError at once if none can.
        """
        able = partial(_adjusted, options=options)
        refusals = []
        for recogniser in self._recognisers.engines:
            try:
                able(recogniser)
            except UnsupportedError as error:
                refusals.append(error)
        if len(refusals) == len(self._recognisers.engines):
            raise refusals[0]
        return self._opened(able)

    @asynccontextmanager
    async def _opened(self, opener: Opener) -> AsyncGenerator["FallbackRecognition"]:
        send, requests = anyio.create_memory_object_stream[_Request]()
        with send, requests:
            recognition = FallbackRecognition(self._recognisers, self.sample_rate, opener, send)
            async with unwrapping_task_group() as tasks:
                tasks.start_soon(recognition.run, requests)
                try:
                    yield recognition
                finally:
                    tasks.cancel_scope.cancel()


def _adjusted(recogniser: GuardedSpeechToText, options: dict[str, Any]) -> Opened:
    """Find how a recogniser hears otherwise than configured. Raises UnsupportedError.

    One that takes no options may still stand in where only words are said to be likely.
    """
    if isinstance(recogniser, AdjustableRecogniser):
        listen = partial(recogniser.listen_with, **options)
        try:
            listen()
        except UnsupportedError:
            raise
        except SpeechToTextError:
            pass  # it is not loaded, and says so when it is asked
        return listen
    if any(options.get(key) for key in ("language", "translate", "word_times")):
        raise UnsupportedError("the recogniser takes no language, translation or word times")
    return recogniser.listen


@dataclass(slots=True, eq=False)
class _Request:
    """A call that waits for its answer: more sound, or None for all words so far."""

    pcm: NDArray[np.float32] | None
    answered: anyio.Event = field(default_factory=anyio.Event)
    transcript: Transcript | None = None
    error: SpeechToTextError | None = None


class FallbackRecognition:
    """The recognition of one utterance; see `stt.Recognition`.

    The recogniser that hears is used in a task of its own, which goes on to the next one.
    """

    def __init__(
        self,
        recognisers: Ranking[GuardedSpeechToText],
        sample_rate: int,
        opener: Opener,
        requests: MemoryObjectSendStream[_Request],
    ) -> None:
        self._recognisers = recognisers
        self._rate = sample_rate
        self._opener = opener
        self._requests = requests
        self._heard: list[NDArray[np.float32]] = []  # a turn has a longest length
        self._asked: _Request | None = None
        self._error: SpeechToTextError | None = None

    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        """Hear more."""
        return await self._ask(_Request(pcm))

    async def finish(self) -> Transcript:
        """All words so far."""
        transcript = await self._ask(_Request(None))
        assert transcript is not None
        return transcript

    async def _ask(self, request: _Request) -> Transcript | None:
        try:
            await self._requests.send(request)
        except anyio.BrokenResourceError:
            request.error = self._error
        else:
            await request.answered.wait()
        if request.error is not None:
            raise request.error
        return request.transcript

    async def run(self, requests: MemoryObjectReceiveStream[_Request]) -> None:
        """Answer the requests, by one recogniser after the other, until all have failed."""
        order = [each for each in self._recognisers.order() if self._is_able(each)]
        with requests:
            for candidate in order:
                try:
                    await self._recognisers.prepare(candidate)
                    async with self._opener(candidate.engine)() as recognition:
                        await self._answer(candidate, recognition, requests)
                except SpeechToTextError as error:
                    candidate.breaker.trip(error)
                    self._error = error
            if self._asked is not None:
                self._asked.error = self._error
                self._asked.answered.set()

    def _is_able(self, candidate: Candidate[GuardedSpeechToText]) -> bool:
        try:
            self._opener(candidate.engine)
        except UnsupportedError:
            return False
        return True

    async def _answer(
        self,
        candidate: Candidate[GuardedSpeechToText],
        recognition: GuardedRecognition,
        requests: MemoryObjectReceiveStream[_Request],
    ) -> None:
        """Answer requests by one recogniser, which is given first what others have heard."""
        converter = RateConverter(self._rate, candidate.engine.sample_rate)
        partial = None
        for pcm in self._heard:
            partial = await recognition.feed(converter.process(pcm)) or partial
        while True:
            if (asked := self._asked) is None:
                asked = self._asked = await requests.receive()
                if asked.pcm is not None:
                    self._heard.append(asked.pcm)
                    partial = await recognition.feed(converter.process(asked.pcm))
            asked.transcript = partial if asked.pcm is not None else await recognition.finish()
            if asked.transcript is not None and (
                change := self._recognisers.works(candidate, "hears")
            ):
                tell(WarningEvent("stt", f"stt.{change.code}", change.message))
            self._asked = None
            asked.answered.set()
