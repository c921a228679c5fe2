"""Fallback between several voices: the first that works speaks, another goes on where it fails."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import copy
from typing import Any

import anyio

from agent.engines.fallback.ranking import Ranking
from agent.engines.fallback.utterance import FRAGMENTS, FallbackUtterance, Opener
from agent.engines.tts import GuardedTextToSpeech
from agent.errors import ConfigError
from tts import (
    ConversationalSpeech,
    ExpressiveSpeech,
    Occupancy,
    ScriptedSpeech,
    SlottedSpeech,
    Speech,
    SpokenTurn,
    TextToSpeech,
    TextToSpeechError,
)
from tts.utterance import unwrapping_task_group


class VoiceFallback:
    """Voice that has one after the other speak, those that failed of late last.

    One that fails in the middle of an utterance is followed by one that says the rest of it. Each
    change is a warning, `tts.fallback` or `tts.recovered`.
    """

    remember: Callable[[SpokenTurn], None]
    sounds: Sequence[str]
    occupancy: Callable[[], Occupancy]
    open_script: Callable[..., AbstractAsyncContextManager[FallbackUtterance]]

    def __init__(
        self, voices: Sequence[tuple[str, TextToSpeech]], *, patience: float = 1.0
    ) -> None:
        """The voices with the names that people know them by; the first is the one wanted.

        `patience`: how many times the usual limits they may take, where nobody waits for them.
        """
        guarded = [(name, GuardedTextToSpeech(tts, patience=patience)) for name, tts in voices]
        self._voices = Ranking(guarded, TextToSpeechError)
        self._rate: int | None = None
        self._find_abilities()

    def _find_abilities(self) -> None:
        engines = self._voices.engines
        if any(isinstance(each, ConversationalSpeech) for each in engines):
            self.remember = self._remember
        if isinstance(engines[0], ExpressiveSpeech):
            self.sounds = engines[0].sounds
        slotted = next((e for e in engines if isinstance(e, SlottedSpeech)), None)
        if slotted is not None:
            self.occupancy = slotted.occupancy
        if any(isinstance(each, ScriptedSpeech) for each in engines):
            self.open_script = self._open_script

    @property
    def sample_rate(self) -> int:
        """That of the first voice that could be loaded; the others are converted to it."""
        return self._voices.engines[0].sample_rate if self._rate is None else self._rate

    @property
    def language(self) -> str | None:
        """That of the one that speaks next."""
        return self._voices.next.language

    @property
    def voices(self) -> Sequence[str]:
        """The voices that there are besides; those of the engine that is wanted."""
        return self._voices.engines[0].voices

    @property
    def patience(self) -> float:
        """Seconds until all of them have had their time."""
        return self._voices.patience

    def in_voice(self, name: str) -> "VoiceFallback":
        """Return it in another voice; those that stand in and do not have it stay as they are.

        The first one may have it if it could not be loaded. Raises TextToSpeechError.
        """
        wanted = self._voices.candidates[0]
        if not wanted.breaker.unloaded:
            _in_voice(wanted.engine, name)

        def change(engine: GuardedTextToSpeech) -> GuardedTextToSpeech:
            try:
                return _in_voice(engine, name)
            except TextToSpeechError:
                return engine

        other = copy(self)
        other._voices = self._voices.changed(change)
        other._find_abilities()
        return other

    def in_language(self, language: str) -> "VoiceFallback":
        """Return it in the voices for a language of those that have one (`tts.Multilingual`)."""
        other = copy(self)
        other._voices = self._voices.changed(lambda voice: voice.in_language(language))
        if other._voices.engines == self._voices.engines:
            return self
        other._find_abilities()
        return other

    async def load(self) -> None:
        """Load all. Raises the first one's TextToSpeechError if none can be loaded."""
        await self._voices.load()
        if self._rate is None:
            self._rate = self._voices.loaded.sample_rate

    async def aclose(self) -> None:
        """Close all."""
        await self._voices.aclose()

    def open(self) -> AbstractAsyncContextManager[FallbackUtterance]:
        """Speak one utterance. Raises the last one's TextToSpeechError."""
        return self._opened(lambda voice: voice.open())

    def _open_script(
        self, voices: Sequence[str] = (), **sampling: Any
    ) -> AbstractAsyncContextManager[FallbackUtterance]:
        """Speak one utterance of a dialogue (`tts.ScriptedSpeech`), by those that can."""
        return self._opened(
            lambda voice: (
                voice.open_script(voices, **sampling) if isinstance(voice, ScriptedSpeech) else None
            )
        )

    @asynccontextmanager
    async def _opened(self, opener: Opener) -> AsyncGenerator[FallbackUtterance]:
        text_in, text = anyio.create_memory_object_stream[str](FRAGMENTS)
        speech_in, speech = anyio.create_memory_object_stream[Speech]()
        with text_in, text, speech_in, speech:
            utterance = FallbackUtterance(self._voices, self.sample_rate, opener, text_in, speech)
            async with unwrapping_task_group() as tasks:
                tasks.start_soon(utterance.run, text, speech_in)
                try:
                    yield utterance
                finally:
                    tasks.cancel_scope.cancel()

    def _remember(self, turn: SpokenTurn) -> None:
        for candidate in self._voices.candidates:
            if isinstance(candidate.engine, ConversationalSpeech) and not candidate.loads_first:
                candidate.engine.remember(turn)


def _in_voice(engine: GuardedTextToSpeech, name: str) -> GuardedTextToSpeech:
    """Return an engine in another voice. Raises TextToSpeechError if it does not have it."""
    try:
        return engine.in_voice(name)
    except ConfigError as error:
        raise TextToSpeechError(str(error).removeprefix(f"the voice '{name}': ")) from None
