"""The border to a speech recogniser."""

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.engines.border import Border
from agent.engines.rate import checked_rate
from agent.engines.use import Use
from agent.guards.text import valid
from stt import (
    AdjustableRecogniser,
    ConversationalRecogniser,
    Recognition,
    SpeechToText,
    SpeechToTextError,
    Transcript,
    punctuates,
)

FEED = 15.0
"""Seconds until a recogniser must have taken a piece of sound."""
FINISH = 30.0
"""Seconds that it may take for the words of a turn, a minute of sound at most."""


class GuardedSpeechToText:
    """A recogniser of which nothing worse can come than `SpeechToTextError`, and not late."""

    listen_with: Callable[..., AbstractAsyncContextManager["GuardedRecognition"]]

    def __init__(self, stt: SpeechToText, *, patience: float = 1.0) -> None:
        """`patience`: how many times the usual limits it may take, where nobody waits for it."""
        self._stt = stt
        self._border = Border(stt, "stt", "the recogniser", SpeechToTextError, patience)
        self._rate: int | None = None
        self._listen = stt.listen
        # Only where the recogniser has it: it is what tells that it can.
        if isinstance(stt, AdjustableRecogniser):
            self.listen_with = self._listen_with

    @property
    def sample_rate(self) -> int:
        """The recogniser's. Raises SpeechToTextError for what is none."""
        if self._rate is None:
            self._rate = checked_rate(self._border, lambda: self._stt.sample_rate)
        return self._rate

    @property
    def punctuates(self) -> bool:
        """Whether the recogniser's punctuation is evidence."""
        return punctuates(self._stt)

    @property
    def patience(self) -> float:
        """Seconds within which any call has given something, or failed."""
        return self._border.limit(FINISH)

    @property
    def ready(self) -> bool:
        """Whether it can be used at once."""
        return self._border.ready

    def fail_fast(self) -> None:
        """Wait less from now on: another recogniser is there to go on."""
        self._border.fail_fast()

    async def load(self) -> None:
        """Load the recogniser. Raises SpeechToTextError."""
        await self._border.load()

    async def aclose(self) -> None:
        """Close it; what fails is told."""
        await self._border.aclose()

    async def retire(self) -> None:
        """Close it as soon as nobody uses it; whoever uses it again has it loaded again."""
        await self._border.retire()

    def conversation(self) -> "GuardedSpeechToText":
        """Return it for one conversation: what it learns or is told there stays there."""
        other = copy(self)
        if isinstance(self._stt, ConversationalRecogniser):
            other._stt = self._stt.conversation()
        other._listen = other._stt.listen
        if isinstance(other._stt, AdjustableRecogniser):
            other.listen_with = other._listen_with
        return other

    def adjust(self, *, language: str | None = None, prompt: str = "") -> None:
        """Recognise otherwise than configured from the next utterance on; nothing as configured.

        For one that has `listen_with`. Raises SpeechToTextError for what it cannot, and then
        nothing has changed.
        """
        listen: Callable[[], AbstractAsyncContextManager[Recognition]] = self._stt.listen
        if language or prompt:
            if not isinstance(self._stt, AdjustableRecogniser):
                raise SpeechToTextError("the recogniser takes no language and no prompt")
            listen = partial(self._stt.listen_with, language=language, prompt=prompt, partials=True)
            with self._border.failing():
                listen()  # what it cannot is told now, and not in every turn
        self._listen = listen

    def listen(self) -> AbstractAsyncContextManager["GuardedRecognition"]:
        """Recognise one utterance. Raises SpeechToTextError, also when it hangs."""
        return self._guarded(self._listen)

    def _listen_with(self, **options: Any) -> AbstractAsyncContextManager["GuardedRecognition"]:
        """Recognise one utterance otherwise than configured. Raises UnsupportedError at once."""
        assert isinstance(self._stt, AdjustableRecogniser)
        listen = partial(self._stt.listen_with, **options)
        with self._border.failing():
            listen()
        return self._guarded(listen)

    @asynccontextmanager
    async def _guarded(
        self, listen: Callable[[], AbstractAsyncContextManager[Recognition]]
    ) -> AsyncGenerator["GuardedRecognition"]:
        async with self._border.use(listen) as (recognition, use):
            yield GuardedRecognition(recognition, use, self._border)


class GuardedRecognition:
    """The recognition of one utterance; see `stt.Recognition`."""

    def __init__(self, recognition: Recognition, use: Use, border: Border) -> None:
        self._recognition = recognition
        self._use = use
        self._border = border

    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        """Hear more."""
        with self._use.limited("took no sound", self._border.limit(FEED)):
            words = await self._use.run(partial(self._recognition.feed, pcm))
            return None if words is None else checked(words)

    async def finish(self) -> Transcript:
        """All words so far."""
        with self._use.limited("gave no transcript", self._border.limit(FINISH)):
            return checked(await self._use.run(self._recognition.finish))


def checked(transcript: Transcript) -> Transcript:
    """Return a transcript of valid text. Raises SpeechToTextError for what is no transcript."""
    if not isinstance(transcript, Transcript) or not isinstance(transcript.text, str):
        raise SpeechToTextError(f"the recogniser gave {transcript!r:.80}, which is no transcript")
    words = tuple(replace(word, text=valid(word.text)) for word in transcript.words)
    if not all(math.isfinite(word.start) and math.isfinite(word.end) for word in words):
        words = ()  # as of a recogniser that gives no times
    rejected = None if transcript.rejected is None else valid(transcript.rejected)
    return replace(transcript, text=valid(transcript.text), words=words, rejected=rejected)
