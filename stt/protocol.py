"""The protocol of a speech recogniser: what an engine of `stt` has to do.

An engine is a class with the four members of `SpeechToText`; its `listen` gives an object with the
two methods of `Recognition`. In plain words:

- The constructor takes keyword arguments only, with types and defaults: they are the keys of the
  section `stt` in the configuration, and `Annotated[..., Field(description=...)]` explains them.
  It must be quick, and import nothing heavy.
- `load` does what is slow: it imports packages, and reads or downloads a model.
- `listen` is an async context manager for one utterance; several may be open at a time.
- Whatever computes runs in a worker thread or a process, never on the event loop.
- Parley waits half a minute at most. An engine that keeps longer limits itself has an attribute
  `patience`: the seconds within which any call goes on or fails. Where it has a fallback, its
  method `fail_fast` is called, if it has one: then it should give up soon.
- An engine that writes a full stop where a sentence ends, and none where it breaks off, has an
  attribute `punctuates`, which is True: it is evidence of a turn's end.
- An engine that understands one language only has an attribute `language`, its code.
- What goes wrong is raised as `SpeechToTextError`, with a message that says what to do.

It is registered by one line in `stt.ENGINES`, or as an entry point of group `parley.stt`.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class SpeechToTextError(Exception):
    """A recogniser cannot be loaded or failed; the message says what to do."""


class UnsupportedError(SpeechToTextError):
    """A recogniser cannot do what one utterance asks of it: a language, a translation."""


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word; `start` and `end` are seconds from the utterance's first sample."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was understood so far; `words` is empty where the engine gives no times.

    `language` is a code such as en, where the engine tells; `confidence` is from 0 to 1. When
    the engine did not trust what it understood, `rejected` says why, and `text` is empty, or lacks
    that part of a long utterance.
    """

    text: str
    words: tuple[Word, ...] = ()
    language: str | None = None
    confidence: float | None = None
    rejected: str | None = None


class Recognition(Protocol):
    """Streaming recognition of one utterance."""

    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        """Take the next samples, float32 [n] in [-1, 1] at the engine's rate, for any n.

        Returns a new partial transcript of the whole utterance, if there is one.
        """

    async def finish(self) -> Transcript:
        """Return the transcript of all that was fed, as if the utterance ended here; may be empty.

        Feeding may go on afterwards, and the next `finish` covers all of it: so an agent has the
        transcript ready while it waits whether a pause is the end. Without anything fed in
        between, `finish` gives the same transcript again at no cost. A call that is cancelled
        can be made again.
        """


class SpeechToText(Protocol):
    """A speech recogniser. Its blocking work never runs on the event loop."""

    @property
    def sample_rate(self) -> int:
        """The rate in Hz that `Recognition.feed` expects."""

    async def load(self) -> None:
        """Make ready, showing progress when it takes long. Raises SpeechToTextError.

        Loading again costs nothing, and begins a new conversation.
        """

    async def aclose(self) -> None:
        """Give back what `load` took."""

    def listen(self) -> AbstractAsyncContextManager[Recognition]:
        """Open the recognition of one utterance; leaving early drops it."""


@runtime_checkable
class ConversationalRecogniser(Protocol):
    """A recogniser that learns in a conversation, such as its language."""

    def conversation(self) -> SpeechToText:
        """Return it, loaded, for one conversation: what it learns there stays there."""


@runtime_checkable
class AdjustableRecogniser(Protocol):
    """A recogniser of which one utterance can be wanted otherwise than it was configured."""

    @property
    def sample_rate(self) -> int:
        """The rate in Hz that `Recognition.feed` expects."""

    def listen_with(
        self,
        *,
        language: str | None = None,
        prompt: str = "",
        translate: bool = False,
        word_times: bool = False,
        partials: bool = False,
    ) -> AbstractAsyncContextManager[Recognition]:
        """Open the recognition of one utterance.

        `language`: a code such as en, None as configured; `prompt`: words that are likely;
        `translate`: into English; `partials`: somebody is speaking now, and `feed` gives partial
        transcripts as it does for `listen`. Raises UnsupportedError for what it cannot, at once.
        """


def punctuates(engine: SpeechToText) -> bool:
    """Return whether the engine's punctuation is evidence, by its attribute `punctuates`."""
    return bool(getattr(engine, "punctuates", False))
