"""A voice that speaks faster or slower than it is: its words have the times of what is heard."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio.to_thread

from agent.audio.stretch import Stretch
from tts import ExpressiveSpeech, Speech, TextToSpeech, Utterance, VoiceOfLanguage


class AtSpeed:
    """A voice, loaded, at `speed` times its own speed; see `tts.TextToSpeech`."""

    sounds: Sequence[str]
    language: str | None

    def __init__(self, tts: TextToSpeech, speed: float) -> None:
        self._tts = tts
        self._speed = speed
        # Only where the voice has them: they are what tells that it can.
        if isinstance(tts, ExpressiveSpeech):
            self.sounds = tts.sounds
        if isinstance(tts, VoiceOfLanguage):
            self.language = tts.language

    @property
    def sample_rate(self) -> int:
        """The voice's."""
        return self._tts.sample_rate

    async def load(self) -> None:
        """It is loaded."""

    async def aclose(self) -> None:
        """It stays."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["Stretched"]:
        """Speak one utterance."""
        async with self._tts.open() as utterance:
            yield Stretched(utterance, Stretch(self.sample_rate, self._speed), self._speed)


class Stretched:
    """One utterance; see `tts.Utterance`."""

    def __init__(self, utterance: Utterance, stretch: Stretch, speed: float) -> None:
        self._utterance = utterance
        self._stretch = stretch
        self._speed = speed
        self.feed = utterance.feed
        self.finish = utterance.finish

    async def __aiter__(self) -> AsyncIterator[Speech]:
        async for speech in self._utterance:
            pcm = await anyio.to_thread.run_sync(self._stretch, speech.pcm)
            words = (replace(word, start=round(word.start / self._speed)) for word in speech.words)
            yield Speech(pcm, tuple(words))
        yield Speech(await anyio.to_thread.run_sync(self._stretch.finish))
