"""The protocol of a speech synthesiser: what an engine of `tts` has to do.

An engine is a class with the four members of `TextToSpeech`; its `open` gives an `Utterance`, one
reply of the agent's. In plain words:

- The constructor takes keyword arguments only, with types and defaults: they are the keys of the
  section `tts` in the configuration, and `Annotated[..., Field(description=...)]` explains them.
  It must be quick, and import nothing heavy.
- `load` does what is slow: it imports packages, and reads or downloads a model.
- `open` is an async context manager for one utterance. Text comes in fragments, as a language
  model emits them, and audio goes out as soon as it is made, with the words that start in it.
  An engine that needs a whole clause writes one function and gives it to
  `tts.utterance.open_utterance`, which does the rest (see `tts.command`).
- Whatever computes runs in a worker thread or a process, never on the event loop.
- Parley waits half a minute at most. An engine that keeps longer limits itself has an attribute
  `patience`: the seconds within which any call goes on or fails. Where it has a fallback, its
  method `fail_fast` is called, if it has one: then it should give up soon.
- What goes wrong is raised as `TextToSpeechError`, with a message that says what to do.

`ConversationalSpeech`, `ExpressiveSpeech`, `ManyVoices`, `Multilingual` and `VoiceOfLanguage` are
what an engine can do besides. It is registered by one line in `tts.ENGINES`, or as an entry point
of group `parley.tts`.
"""

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
    """A piece of an utterance: float32 [n] mono in [-1, 1], and the words that start in it."""

    pcm: NDArray[np.float32]
    words: tuple[SpokenWord, ...] = ()


class Utterance(Protocol):
    """Streaming synthesis of one reply: text goes in as it comes, audio comes out as it is made."""

    async def feed(self, text: str) -> None:
        """Take more text: any fragment, as a language model emits it."""

    async def finish(self) -> None:
        """End the text: speak the rest."""

    def __aiter__(self) -> AsyncIterator[Speech]:
        """The audio in order; ends after `finish` once everything has been spoken."""


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """A turn of the conversation as it sounded: float32 mono, and its words.

    Of a reply that was interrupted it is what left the speaker, and the words that were heard.
    """

    speaker: Literal["agent", "user"]
    pcm: NDArray[np.float32]
    sample_rate: int
    words: tuple[SpokenWord, ...]


class TextToSpeech(Protocol):
    """A speech synthesiser. Its blocking work never runs on the event loop."""

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
    """A synthesiser whose next utterance takes up how the last turns sounded."""

    def remember(self, turn: SpokenTurn) -> None:
        """Take a turn that has ended. Returns at once: the rest is prepared elsewhere."""


@runtime_checkable
class ScriptedSpeech(Protocol):
    """A synthesiser of dialogues: `[S1]` and `[S2]` in a text name who speaks."""

    def open_script(
        self,
        voices: Sequence[str] = (),
        *,
        cfg: float | None = None,
        temperature: float | None = None,
        seed: int | None = None,
    ) -> AbstractAsyncContextManager[Utterance]:
        """Open an utterance with the speakers' voices and a sampling of its own; None: as usual."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How busy an engine is: its slots, the utterances in them, and those that wait for one."""

    slots: int
    speaking: int
    waiting: int


@runtime_checkable
class Repeatable(Protocol):
    """A synthesiser whose samples depend on what it said before, until it is told to begin anew."""

    async def begin_anew(self) -> None:
        """Speak from here on as if it had just been loaded; nobody is speaking."""


@runtime_checkable
class SlottedSpeech(Protocol):
    """A synthesiser that speaks so many utterances at a time; more wait in turn."""

    def occupancy(self) -> Occupancy:
        """Say how busy it is now; it has no slots before it is loaded."""


@runtime_checkable
class ExpressiveSpeech(Protocol):
    """A synthesiser that makes sounds which are no words."""

    @property
    def sounds(self) -> Sequence[str]:
        """The sounds as they stand in parentheses in a text: `laughs` for `(laughs)`."""


@runtime_checkable
class ManyVoices(Protocol):
    """A synthesiser with several voices, one of which it was made with."""

    @property
    def voices(self) -> Sequence[str]:
        """Their names, as far as they are known without a download."""

    def in_voice(self, name: str) -> TextToSpeech:
        """The same engine, loaded, in another voice, at no cost and for as long as it is loaded.

        Raises TextToSpeechError for a voice that it does not have.
        """


@runtime_checkable
class Multilingual(Protocol):
    """A synthesiser that has other voices for other languages."""

    def in_language(self, language: str) -> TextToSpeech:
        """The same engine, loaded, in its voice for a language, at no cost; itself without one.

        `language`: a code such as es, as a recogniser tells it.
        """


@runtime_checkable
class VoiceOfLanguage(Protocol):
    """A synthesiser for which figures and signs are written out in words (`tts.normalise`)."""

    @property
    def language(self) -> str | None:
        """The language it speaks, such as en or de-at; None to be given figures as they are."""
