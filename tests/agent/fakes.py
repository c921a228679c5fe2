"""Engines that cost nothing and do what a test says: for time and faults only."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.events import Audio
from llm_adapters import Message, ReplyItem, TextDelta, ToolSpec
from stt import Transcript
from tts import Speech, SpokenWord

RATE = 16000
TTS_RATE = 24000
WORD = 0.2
"""Seconds that a spoken word takes."""


@dataclass
class Scripted:
    """A microphone: stretches of (seconds, loud), in 20 ms blocks at real time."""

    stretches: Sequence[tuple[float, bool]]
    stall: float = 0.0
    """Seconds without any block after the last one."""

    async def __call__(
        self, _: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        began = anyio.current_time()
        at = 0
        for seconds, loud in self.stretches:
            for _block in range(round(seconds / 0.02)):
                time = began + at / RATE
                at += 320
                await anyio.sleep_until(began + at / RATE)
                pcm = np.full(320, 0.5 if loud else 1e-5, np.float32)  # 0 is a dead microphone
                await send.send(Audio(pcm, RATE, time))
        await anyio.sleep(self.stall)


class LoudnessVad:
    """Loud is voice."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)

    async def load(self) -> None:
        """Nothing to load."""

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        self._rest = np.concatenate((self._rest, pcm))
        windows = len(self._rest) // 512
        heard, self._rest = self._rest[: windows * 512], self._rest[windows * 512 :]
        return [0.99 if part.mean() > 0.25 else 0.01 for part in heard.reshape(-1, 512)]

    def reset(self) -> None:
        self._rest = np.zeros(0, np.float32)


@dataclass
class FakeStt:
    """Understands one utterance after the other.

    What it understands of one is a text; a list of texts, one for each time that more was heard
    (the last one stands); or an exception, which is raised.
    """

    texts: list[str | list[str] | Exception]
    delay: float = 0.0
    heard_s: list[float] = field(default_factory=list)
    sample_rate: int = RATE

    async def load(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to close."""

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator["FakeRecognition", None]:
        recognition = FakeRecognition(self)
        yield recognition
        self.heard_s.append(recognition.samples / RATE)


class FakeRecognition:
    def __init__(self, stt: FakeStt) -> None:
        self._stt = stt
        self._texts = stt.texts.pop(0)
        self.samples = 0
        self._finished: Transcript | None = None

    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        self.samples += len(pcm)
        self._finished = None
        return None

    async def finish(self) -> Transcript:
        if self._finished is None:
            await anyio.sleep(self._stt.delay)
            self._finished = Transcript(self._text())
        return self._finished

    def _text(self) -> str:
        if isinstance(self._texts, Exception):
            raise self._texts
        if isinstance(self._texts, str):
            return self._texts
        return self._texts.pop(0) if len(self._texts) > 1 else self._texts[0]


@dataclass
class FakeLlm:
    """Gives one reply after the other, a word at a time; an exception in a reply is raised.

    What else a reply may hold, such as a tool call, is given as it is.
    """

    replies: Sequence[Sequence[str | ReplyItem | Exception]]
    first: float = 0.0
    between: float = 0.0
    asked: list[tuple[Message, ...]] = field(default_factory=list)
    offered: list[tuple[ToolSpec, ...]] = field(default_factory=list)

    async def load(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to close."""

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ReplyItem, None]:
        self.asked.append(tuple(messages))
        self.offered.append(tuple(tools))
        reply, *self.replies = self.replies
        await anyio.sleep(self.first)
        for item in reply:
            if isinstance(item, Exception):
                raise item
            yield TextDelta(item) if isinstance(item, str) else item
            await anyio.sleep(self.between)


@dataclass
class FakeTts:
    """A word is 0.2 s of a constant; `fail_at` raises at the n-th word, once."""

    delay: float = 0.0
    fail_at: int | None = None
    sample_rate: int = TTS_RATE

    async def load(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to close."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["FakeUtterance", None]:
        utterance = FakeUtterance(self)
        with utterance._send, utterance._receive:  # also if nobody has listened
            async with aclosing(utterance.speech):
                yield utterance


class FakeUtterance:
    def __init__(self, tts: FakeTts) -> None:
        self._tts = tts
        self._send, self._receive = anyio.create_memory_object_stream[str](1000)
        self._partial = ""
        self.speech = self._speak()

    async def feed(self, text: str) -> None:
        *words, self._partial = (self._partial + text).split(" ")
        for word in words:
            if word:
                await self._send.send(word)

    async def finish(self) -> None:
        if self._partial:
            await self._send.send(self._partial)
        self._send.close()

    def __aiter__(self) -> AsyncIterator[Speech]:
        return self.speech

    async def _speak(self) -> AsyncGenerator[Speech, None]:
        size = round(WORD * TTS_RATE)
        count = 0
        with self._send, self._receive:
            async for word in self._receive:
                if count == self._tts.fail_at:
                    self._tts.fail_at = None
                    raise RuntimeError("the voice broke")
                await anyio.sleep(self._tts.delay)
                pcm = np.full(size, 0.25, np.float32)
                yield Speech(pcm, (SpokenWord(word, count * size),))
                count += 1
