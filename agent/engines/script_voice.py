"""One speaker of an engine of dialogues: what it says begins with its tag, `[S1]` or `[S2]`."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tts import ScriptedSpeech, Speech, TextToSpeech, Utterance

TAGS = ("[S1] ", "[S2] ")


class ScriptVoice:
    """Voice of one of the two speakers of an engine, loaded, that knows both of them."""

    def __init__(self, engine: TextToSpeech, speaker: int, voices: Sequence[str] = ()) -> None:
        """`speaker` is 0 or 1; `voices` are those of both, none for the engine's own choice.

        The engine has to be a `ScriptedSpeech`.
        """
        assert isinstance(engine, ScriptedSpeech)
        self._engine = engine
        self._scripted: ScriptedSpeech = engine
        self._tag = TAGS[speaker]
        self._voices = voices

    @property
    def sample_rate(self) -> int:
        """The engine's."""
        return self._engine.sample_rate

    async def load(self) -> None:
        """The engine is loaded."""

    async def aclose(self) -> None:
        """The engine is somebody else's."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Utterance]:
        """Open one utterance; always drawn alike, so that who speaks sounds as before."""
        async with self._scripted.open_script(self._voices, seed=0) as utterance:
            yield _Tagged(utterance, self._tag)


class _Tagged:
    def __init__(self, utterance: Utterance, tag: str) -> None:
        self._utterance = utterance
        self._tag = tag

    async def feed(self, text: str) -> None:
        tag, self._tag = self._tag, ""
        await self._utterance.feed(tag + text)

    async def finish(self) -> None:
        await self._utterance.finish()

    def __aiter__(self) -> AsyncIterator[Speech]:
        return aiter(self._utterance)
