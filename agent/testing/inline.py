"""Engines whose computing takes none of the virtual time: its loop waits while they work.

They run on a real loop of their own, in another thread.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import copy
from functools import partial
from typing import Any

import anyio
import numpy as np
from anyio.from_thread import BlockingPortal
from numpy.typing import NDArray

from agent.config.engines import create_stt, create_tts
from agent.config.load import Config
from agent.engines import GuardedTextToSpeech
from agent.pool import EnginePool
from agent.turns.vad import Vad
from stt import Recognition, SpeechToText, Transcript, punctuates
from tts import ManyVoices, Repeatable, Speech, TextToSpeech, TextToSpeechError

Float32 = NDArray[np.float32]


class InlineVad:
    """A voice detector on another loop."""

    def __init__(self, portal: BlockingPortal, vad: Vad) -> None:
        self._portal, self._vad = portal, vad

    def __copy__(self) -> "InlineVad":
        return InlineVad(self._portal, copy(self._vad))

    async def load(self) -> None:
        """Load it. Raises ParleyError."""
        self._portal.call(self._vad.load)

    async def feed(self, pcm: Float32) -> list[float]:
        """Hear more."""
        return self._portal.call(self._vad.feed, pcm)

    def reset(self) -> None:
        """Forget everything heard."""
        self._vad.reset()


class InlineRecogniser:
    """A recogniser on another loop."""

    def __init__(self, portal: BlockingPortal, stt: SpeechToText) -> None:
        self._portal, self._stt = portal, stt

    @property
    def sample_rate(self) -> int:
        """The recogniser's."""
        return self._stt.sample_rate

    @property
    def punctuates(self) -> bool:
        """Whether its punctuation is evidence."""
        return punctuates(self._stt)

    async def load(self) -> None:
        """Load it. Raises SpeechToTextError."""
        self._portal.call(self._stt.load)

    async def aclose(self) -> None:
        """Close it."""
        self._portal.call(self._stt.aclose)

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator["_InlineRecognition"]:
        """Recognise one utterance."""
        with self._portal.wrap_async_context_manager(self._stt.listen()) as recognition:
            yield _InlineRecognition(self._portal, recognition)


class _InlineRecognition:
    def __init__(self, portal: BlockingPortal, recognition: Recognition) -> None:
        self._portal, self._recognition = portal, recognition

    async def feed(self, pcm: Float32) -> Transcript | None:
        """Hear more."""
        return self._portal.call(self._recognition.feed, pcm)

    async def finish(self) -> Transcript:
        """All words so far."""
        return self._portal.call(self._recognition.finish)


class InlineVoice:
    """A voice on another loop: it begins when it has all of a text, and then it is all there."""

    def __init__(self, portal: BlockingPortal, tts: TextToSpeech) -> None:
        self._portal, self._tts = portal, tts
        if hasattr(tts, "sounds"):
            self.sounds = tts.sounds

    @property
    def sample_rate(self) -> int:
        """The voice's."""
        return self._tts.sample_rate

    @property
    def voices(self) -> Sequence[str]:
        """Those that there are besides."""
        return self._tts.voices if isinstance(self._tts, ManyVoices) else []

    def in_voice(self, name: str) -> "InlineVoice":
        """The engine in another voice. Raises TextToSpeechError."""
        if not isinstance(self._tts, ManyVoices):
            raise TextToSpeechError("the engine has but the one it was loaded with")
        return InlineVoice(self._portal, self._tts.in_voice(name))

    async def load(self) -> None:
        """Load it. Raises TextToSpeechError."""
        self._portal.call(self._tts.load)

    async def aclose(self) -> None:
        """Close it."""
        self._portal.call(self._tts.aclose)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["_InlineUtterance"]:
        """Speak one utterance."""
        yield _InlineUtterance(partial(self._portal.call, spoken, self._tts))


class _InlineUtterance:
    def __init__(self, speak: Any) -> None:
        self._speak = speak
        self._text = ""
        self._whole = anyio.Event()

    async def feed(self, text: str) -> None:
        """Take more text."""
        self._text += text

    async def finish(self) -> None:
        """That was all."""
        self._whole.set()

    def __aiter__(self) -> AsyncIterator[Speech]:
        return self._pieces()

    async def _pieces(self) -> AsyncGenerator[Speech]:
        await self._whole.wait()
        for speech in self._speak(self._text):
            yield speech


async def spoken(tts: TextToSpeech, text: str) -> list[Speech]:
    """All of a text, spoken, with the same samples each time. Raises TextToSpeechError."""
    if not text.strip():
        return []
    if isinstance(tts, Repeatable):
        await tts.begin_anew()
    async with tts.open() as utterance:
        await utterance.feed(text)
        await utterance.finish()
        return [speech async for speech in utterance]


class InlinePool(EnginePool):
    """The engines of an agent, with ears and voices on another loop."""

    def __init__(self, portal: BlockingPortal) -> None:
        super().__init__()
        self._portal = portal

    def add(self, config: Config, *, speaks: bool = True, **engines: Any) -> None:
        """Make what `config` and its agents need."""
        voices = [member.tts for member in (config, *map(config.of, config.agents))]
        for section in voices if speaks else []:
            if all(section != one for one, _ in self._tts):
                voice = InlineVoice(self._portal, create_tts(section))
                self._tts.append((section, GuardedTextToSpeech(voice)))
        recogniser = engines.pop("stt", None)
        if recogniser is None:
            recogniser = InlineRecogniser(self._portal, create_stt(config.stt))
        super().add(config, stt=recogniser, speaks=speaks, **engines)
