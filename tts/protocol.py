"""What a speech synthesiser is to the rest of Parley."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class TextToSpeechError(Exception):
    """A synthesiser cannot be loaded or failed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word with its punctuation; `start` is in samples from the utterance's first sample."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of an utterance: float32 mono in [-1, 1], and the words that start in it."""

    pcm: NDArray[np.float32]
    words: tuple[SpokenWord, ...] = ()


class Utterance(Protocol):
    """One reply being spoken: text goes in as it comes, audio comes out as it is made."""

    async def feed(self, text: str) -> None:
        """More text: any fragment, as a language model emits it."""

    async def finish(self) -> None:
        """No more text will come: speak the rest."""

    def __aiter__(self) -> AsyncIterator[Speech]:
        """The audio in order; ends after `finish` once everything has been spoken."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A turn of the conversation as it sounded: float32 mono, and its words.

    Of a reply that was interrupted it is what left the speaker, and the words that were heard.
    """

    speaker: Literal["agent", "user"]
    pcm: NDArray[np.float32]
    sample_rate: int
    words: tuple[SpokenWord, ...]


class TextToSpeech(Protocol):
    """A synthesiser. Its blocking work never runs on the event loop."""

    @property
    def sample_rate(self) -> int:
        """The rate of `Speech.pcm` in Hz; known once loaded."""

    async def load(self) -> None:
        """Make ready, showing progress when it takes long. Raises TextToSpeechError."""

    async def aclose(self) -> None:
        """Give back what `load` took."""

    def open(self) -> AbstractAsyncContextManager[Utterance]:
        """Open one utterance; leaving early drops what has not been spoken."""


@runtime_checkable
class ConversationalSpeech(Protocol):
    """What a synthesiser can besides, whose next utterance takes up how the last turns sounded."""

    def remember(self, turn: Heard) -> None:
        """A turn has ended; what follows from it is prepared elsewhere, this returns at once."""


@runtime_checkable
class ExpressiveSpeech(Protocol):
    """What a synthesiser can do besides that makes sounds which are no words."""

    @property
    def sounds(self) -> Sequence[str]:
        """The sounds as they stand in parentheses in a text: `laughs` for `(laughs)`."""
