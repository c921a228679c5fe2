"""The engine `espeak`, the embedded default: no downloads."""

import bisect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Annotated

import anyio
import anyio.from_thread
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from tts.espeak.language import language_of
from tts.espeak.library import EspeakLibrary, Settings, WordEvent, load_library
from tts.protocol import Speech, SpokenWord, TextToSpeechError, Utterance
from tts.utterance import Send, open_utterance, unwrapping_task_group


def _known(voice: str) -> str:
    """The voice of a configuration. Raises ValueError if espeak has none such."""
    try:
        library = load_library()
    except (ImportError, TextToSpeechError):
        return voice  # what is wrong with the library is told when it is needed
    try:
        library.check(Settings(voice, 175, 50))
    except TextToSpeechError as error:
        raise ValueError(str(error)) from None
    return voice


class Espeak:
    """Synthesiser of a clause at a time; the first audio follows within milliseconds.

    Words are what stands between spaces, with its punctuation. Their times are espeak's own. In a
    script without spaces a clause counts as one word.
    """

    def __init__(
        self,
        *,
        voice: Annotated[
            str,
            AfterValidator(_known),
            Field(description="A voice of espeak-ng: en-us, en-gb, de, fr, en-us+f3, ..."),
        ] = "en-us",
        speed: Annotated[int, Field(ge=80, le=450, description="Words per minute.")] = 175,
        pitch: Annotated[int, Field(ge=0, le=100, description="From low to high.")] = 50,
        languages: Annotated[
            dict[str, Annotated[str, AfterValidator(_known)]],
            Field(
                description="Other voices for other languages: {es: es, de: de+f3} answers a turn "
                "in Spanish or German with these."
            ),
        ] = {},  # noqa: B006  (never changed)
    ) -> None:
        self._settings = Settings(voice, speed, pitch)
        self._languages: Mapping[str, str] = languages
        self._library: EspeakLibrary | None = None

    @property
    def sample_rate(self) -> int:
        """22050 Hz. Raises TextToSpeechError before `load`."""
        return self._loaded().sample_rate

    @property
    def language(self) -> str | None:
        """That of the voice (`tts.VoiceOfLanguage`)."""
        return language_of(self._settings.voice)

    async def load(self) -> None:
        """Load the library and look for the voice. Raises TextToSpeechError."""
        library = await anyio.to_thread.run_sync(load_library)
        await anyio.to_thread.run_sync(library.check, self._settings)
        self._library = library

    async def aclose(self) -> None:
        """Nothing to give back: the library belongs to the process."""

    async def begin_anew(self) -> None:
        """Speak from here on as if just loaded (`tts.Repeatable`); every voice of the process."""
        await anyio.to_thread.run_sync(self._loaded().renew)

    @property
    def voices(self) -> Sequence[str]:
        """The languages that espeak speaks; each has variants, such as en-us+f3."""
        return self._loaded().languages

    def in_voice(self, name: str) -> "Espeak":
        """Return the same in another voice (`tts.ManyVoices`). Raises TextToSpeechError."""
        if not self._loaded().has(name):
            raise TextToSpeechError(f"espeak has no voice {name!r}")
        other = copy(self)
        other._settings = replace(self._settings, voice=name)
        return other

    def in_language(self, language: str) -> "Espeak":
        """Return the same in its voice for a language (`tts.Multilingual`)."""
        return self.in_voice(self._languages[language]) if language in self._languages else self

    def open(self) -> AbstractAsyncContextManager[Utterance]:
        """Open one utterance; leaving early stops it within a block of 60 ms of audio."""
        self._loaded()
        return open_utterance(self._synthesise)

    def _loaded(self) -> EspeakLibrary:
        if self._library is None:
            raise TextToSpeechError("espeak is not loaded: call load() first")
        return self._library

    async def _synthesise(self, clause: str, send: Send) -> None:
        # The library is one for all: a clause is made whole, however slowly it is taken.
        outbox, pieces = anyio.create_memory_object_stream[Speech](math.inf)

        def deliver(piece: Speech) -> None:
            anyio.from_thread.check_cancelled()  # what it raises stops espeak
            anyio.from_thread.run_sync(outbox.send_nowait, piece)

        async def make() -> None:
            job = partial(synthesise, self._loaded(), self._settings, clause, deliver)
            with outbox:
                await anyio.to_thread.run_sync(job)

        with pieces:
            async with unwrapping_task_group() as tasks:
                tasks.start_soon(make)
                async for piece in pieces:
                    await send(piece)


def synthesise(
    library: EspeakLibrary,
    settings: Settings,
    clause: str,
    deliver: Callable[[Speech], None],
) -> None:
    """Synthesise a clause, piece by piece; every word of it is in one of the pieces. Blocks."""
    words = _ClauseWords(clause)
    made = 0
    held: Speech | None = None  # one piece is held back: the last takes the words left over

    def on_block(pcm: NDArray[np.float32], events: list[WordEvent]) -> None:
        nonlocal made, held
        if held is not None:
            deliver(held)
        held = Speech(pcm, words.started(events, range(made, made + len(pcm))))
        made += len(pcm)

    library.synthesise(clause, settings, on_block)
    if held is not None:
        deliver(Speech(held.pcm, held.words + words.rest(made - 1)))


class _ClauseWords:
    """Mapping from espeak's word events to the words of the text.

    espeak counts differently: "42" is two events, "$29.95" seven, some of them pointing back, and
    a dash alone is none. So an event only says how far in the text espeak has come: the words up
    to there that have not begun, begin. A silent one begins with the next that is heard.
    """

    def __init__(self, clause: str) -> None:
        words = list(re.finditer(r"\S+", clause))
        self._texts = [word.group() for word in words]
        self._indices = [word.start() for word in words]
        self._begun = 0

    def started(self, events: list[WordEvent], block: range) -> tuple[SpokenWord, ...]:
        """The words that begin in a block, given as the range of its samples in the clause."""
        words: tuple[SpokenWord, ...] = ()
        for event in events:
            start = min(max(event.sample, block.start), block.stop - 1)
            words += self._begin(bisect.bisect_right(self._indices, event.index), start)
        return words

    def rest(self, sample: int) -> tuple[SpokenWord, ...]:
        """The words that espeak did not mention, as beginning at `sample`."""
        return self._begin(len(self._texts), sample)

    def _begin(self, end: int, sample: int) -> tuple[SpokenWord, ...]:
        words = tuple(SpokenWord(text, sample) for text in self._texts[self._begun : end])
        self._begun = max(self._begun, end)
        return words
