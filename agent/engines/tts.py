"""The border to a voice."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

from agent.engines.apart import called_apart
from agent.engines.border import Border
from agent.engines.rate import checked_rate
from agent.engines.use import Use
from agent.errors import ConfigError
from agent.guards.audio import SampleGuard
from agent.guards.text import valid
from tts import (
    ConversationalSpeech,
    ExpressiveSpeech,
    ManyVoices,
    Multilingual,
    Occupancy,
    Repeatable,
    ScriptedSpeech,
    SlottedSpeech,
    Speech,
    SpokenTurn,
    SpokenWord,
    TextToSpeech,
    TextToSpeechError,
    Utterance,
    VoiceOfLanguage,
)

SOUND = 30.0
"""Seconds that a voice which has its text may take for the next piece of sound."""


class GuardedTextToSpeech:
    """A voice of which nothing worse can come than `TextToSpeechError`, sound samples, in time."""

    remember: Callable[[SpokenTurn], None]
    sounds: Sequence[str]
    occupancy: Callable[[], Occupancy]
    open_script: Callable[..., AbstractAsyncContextManager["GuardedUtterance"]]
    begin_anew: Callable[[], Awaitable[None]]

    def __init__(self, tts: TextToSpeech, *, patience: float = 1.0) -> None:
        """`patience`: how many times the usual limits it may take, where nobody waits for it."""
        self._tts = tts
        self._border = Border(tts, "tts", "the voice", TextToSpeechError, patience)
        self._patience = patience
        self._rate: int | None = None
        self._samples = SampleGuard(
            lambda what: self._border.warn("samples", f"{self._border.name} {what}")
        )
        # Only where the voice has them: they are what tells that it can.
        if isinstance(tts, ConversationalSpeech):
            self.remember = self._remember
        if isinstance(tts, ExpressiveSpeech):
            self.sounds = tts.sounds
        if isinstance(tts, SlottedSpeech):
            self.occupancy = self._occupancy
        if isinstance(tts, ScriptedSpeech):
            self.open_script = self._open_script
        if isinstance(tts, Repeatable):
            self.begin_anew = tts.begin_anew

    @property
    def sample_rate(self) -> int:
        """The voice's. Raises TextToSpeechError for what is none."""
        if self._rate is None:
            self._rate = checked_rate(self._border, lambda: self._tts.sample_rate)
        return self._rate

    @property
    def language(self) -> str | None:
        """The voice's, once it is loaded; None for a voice that tells of none."""
        language = self._tts.language if isinstance(self._tts, VoiceOfLanguage) else None
        return language if isinstance(language, str) else None

    @property
    def voices(self) -> Sequence[str]:
        """The voices that there are besides; none for an engine that is not loaded, or has one."""
        try:
            with self._border.failing():
                return [*self._tts.voices] if isinstance(self._tts, ManyVoices) else []
        except TextToSpeechError:
            return []

    def in_voice(self, name: str) -> "GuardedTextToSpeech":
        """The engine, loaded, in another of its voices. Raises ConfigError if it has no such."""
        try:
            with self._border.failing():
                other = self._tts.in_voice(name) if isinstance(self._tts, ManyVoices) else None
        except TextToSpeechError as error:
            raise ConfigError(f"the voice '{name}': {error}") from None
        if other is None:
            raise ConfigError(f"the voice '{name}': the engine has but the one it was loaded with")
        voice = GuardedTextToSpeech(other, patience=self._patience)
        voice._border.base = self._border
        if self._border.fast:
            voice.fail_fast()
        return voice

    @property
    def patience(self) -> float:
        """Seconds within which it has made some sound, or failed."""
        return self._border.limit(SOUND)

    @property
    def ready(self) -> bool:
        """Whether it can be used at once."""
        return self._border.ready

    def fail_fast(self) -> None:
        """Wait less from now on: another voice is there to go on."""
        self._border.fail_fast()

    def in_language(self, language: str) -> "GuardedTextToSpeech":
        """The engine, loaded, in its voice for a language; itself if it has none such."""
        try:
            with self._border.failing():
                other = (
                    self._tts.in_language(language) if isinstance(self._tts, Multilingual) else None
                )
        except TextToSpeechError as error:
            self._border.warn("language", f"{self._border.name} stays as it is: {error}")
            return self
        if other is None or other is self._tts:
            return self
        guarded = GuardedTextToSpeech(other, patience=self._patience)
        guarded._border = self._border  # of one engine: where that hangs it is loaded anew
        return guarded

    async def load(self) -> None:
        """Load the voice. Raises TextToSpeechError."""
        await self._border.load()

    async def aclose(self) -> None:
        """Close it; what fails is told."""
        await self._border.aclose()

    async def retire(self) -> None:
        """Close it as soon as nobody uses it; whoever uses it again has it loaded again."""
        await self._border.retire()

    def open(self) -> AbstractAsyncContextManager["GuardedUtterance"]:
        """Speak one utterance. Raises TextToSpeechError, also when it hangs."""
        return self._guarded(self._tts.open)

    def _open_script(
        self, voices: Sequence[str] = (), **sampling: Any
    ) -> AbstractAsyncContextManager["GuardedUtterance"]:
        """Speak one utterance of a dialogue (`tts.ScriptedSpeech`)."""
        assert isinstance(self._tts, ScriptedSpeech)
        return self._guarded(partial(self._tts.open_script, voices, **sampling))

    @asynccontextmanager
    async def _guarded(
        self, opened: Callable[[], AbstractAsyncContextManager[Utterance]]
    ) -> AsyncGenerator["GuardedUtterance"]:
        async with self._border.use(opened) as (utterance, use):
            yield GuardedUtterance(utterance, use, self._border, self._samples)

    def _occupancy(self) -> Occupancy:
        """How busy the voice is; one that cannot say has no slots."""
        assert isinstance(self._tts, SlottedSpeech)
        try:
            with self._border.failing():
                return self._tts.occupancy()
        except TextToSpeechError:
            return Occupancy(0, 0, 0)

    def _remember(self, turn: SpokenTurn) -> None:
        assert isinstance(self._tts, ConversationalSpeech)
        try:
            with self._border.failing():
                self._tts.remember(turn)
        except TextToSpeechError as error:
            self._border.warn("memory", f"the voice did not take up how a turn sounded: {error}")


class GuardedUtterance:
    """One utterance; see `tts.Utterance`.

    A voice may wait for more text, and we may wait to play what it gave. It is late when it owes
    us sound: when we wait for some, and it either has all of its text or does not take more.
    """

    def __init__(
        self, utterance: Utterance, use: Use, border: Border, samples: SampleGuard
    ) -> None:
        self._utterance = utterance
        self._use = use
        self._border = border
        self._samples = samples
        self._limit = border.limit(SOUND)
        self._taking = 0  # calls of `feed` under way
        self._all_text = False
        self._awaited = False
        self._late = False  # the limit is set
        self._pieces: AsyncIterator[Speech] | None = None

    async def feed(self, text: str) -> None:
        """Take more text."""
        self._taking += 1
        self._watch()
        try:
            with self._border.failing():
                await called_apart(partial(self._utterance.feed, text))
        finally:
            self._taking -= 1
            self._watch()

    async def finish(self) -> None:
        """End the text."""
        self._all_text = True
        self._watch()
        with self._border.failing():
            await called_apart(self._utterance.finish)

    def __aiter__(self) -> "GuardedUtterance":
        return self

    async def __anext__(self) -> Speech:
        self._awaited = True
        self._watch()
        with self._border.failing():
            if self._pieces is None:
                self._pieces = aiter(self._utterance)
            try:
                checked = self._checked(await self._use.run(partial(anext, self._pieces)))
            except StopAsyncIteration:
                checked = None
        if checked is None:
            self._awaited = False
            self._watch()
            raise StopAsyncIteration
        if len(checked.pcm):  # nothing at all is no progress
            self._awaited = False
            self._watch()
        return checked

    def _watch(self) -> None:
        owing = self._awaited and (self._all_text or self._taking > 0)
        if owing != self._late:
            self._late = owing
            self._use.limit("gave no sound", self._limit if owing else None)

    def _checked(self, speech: Speech) -> Speech:
        """Raises TextToSpeechError for what is no speech."""
        if not isinstance(speech, Speech):
            raise TextToSpeechError(f"the voice gave {speech!r:.80}, which is no speech")
        try:
            pcm = self._samples(speech.pcm)
        except ValueError as error:
            raise TextToSpeechError(f"the voice gave samples that are none: {error}") from error
        words = tuple(SpokenWord(valid(w.text), max(0, int(w.start))) for w in speech.words)
        return Speech(pcm, words)
