"""A loaded engine in another voice: what `tts.ManyVoices` gives for Dia and Dia2."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from tts.protocol import Utterance


class ScriptSpeech(Protocol):
    """What speaks a dialogue in voices given by name or file."""

    @property
    def sample_rate(self) -> int: ...
    @property
    def sounds(self) -> Sequence[str]: ...
    @property
    def language(self) -> str: ...
    def open_script(self, voices: Sequence[str], /) -> AbstractAsyncContextManager[Utterance]: ...


class InVoice:
    """An engine, loaded, in a voice of its own; it takes up nothing of how a conversation sounded.

    Loading and closing it does nothing: the engine is another's.
    """

    def __init__(self, engine: ScriptSpeech, voice: str) -> None:
        self.sounds = engine.sounds
        self.language = engine.language
        self._engine = engine
        self._voice = voice

    @property
    def sample_rate(self) -> int:
        """As the engine's."""
        return self._engine.sample_rate

    async def load(self) -> None:
        """It is loaded."""

    async def aclose(self) -> None:
        """The engine stays."""

    def open(self) -> AbstractAsyncContextManager[Utterance]:
        """Open one utterance, as the engine does."""
        return self._engine.open_script([self._voice])
