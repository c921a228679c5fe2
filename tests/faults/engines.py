"""Engines that misbehave at one place, once: what they do there is a function."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import numpy as np
from numpy.typing import NDArray

from llm_adapters import Message, ReplyItem, TextDelta, ToolSpec
from stt import Transcript
from tests.agent.fakes import RATE, TTS_RATE, WORD
from tts import Speech, SpokenWord

Fault = Callable[[], Coroutine[Any, Any, None]]


def raising(error: BaseException) -> Fault:
    async def fault() -> None:
        raise error

    return fault


async def hanging() -> None:
    await anyio.sleep_forever()


@dataclass
class Faulty:
    """An engine that does `fault` the first time that it comes to `place`."""

    place: str
    fault: Fault
    loads: int = 0
    closes: int = 0

    async def at(self, place: str) -> None:
        if place == self.place:
            self.place = ""
            await self.fault()

    async def load(self) -> None:
        self.loads += 1
        await self.at("load")

    async def aclose(self) -> None:
        self.closes += 1
        await self.at("aclose")


class FaultyStt(Faulty):
    """Understands "turn 1", "turn 2" and so on."""

    sample_rate = RATE
    turns = 0

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator["FaultyStt"]:
        self.turns += 1
        await self.at("listen")
        yield self
        await self.at("exit")

    async def feed(self, _: NDArray[np.float32]) -> Transcript | None:
        await self.at("feed")
        return None

    async def finish(self) -> Transcript:
        await self.at("finish")
        return Transcript(f"turn {self.turns}")


class FaultyLlm(Faulty):
    """Answers "reply 1 is here.", "reply 2 is here." and so on, to the messages it keeps."""

    replies = 0
    asked: tuple[Message, ...] = ()

    async def reply(
        self, messages: Sequence[Message], _: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ReplyItem, None]:
        self.replies += 1
        self.asked = tuple(messages)
        try:
            await self.at("reply")
            yield TextDelta(f"reply {self.replies} ")
            await self.at("middle")
            yield TextDelta(f"is {self.word()}")
        finally:
            await self.at("close")

    def word(self) -> str:
        return "here."


class FaultyTts(Faulty):
    """A word is 0.2 s of 0.25."""

    sample_rate = TTS_RATE

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["FaultyUtterance"]:
        await self.at("open")
        yield FaultyUtterance(self)
        await self.at("exit")

    def pcm(self) -> NDArray[Any]:
        return np.full(round(WORD * TTS_RATE), 0.25, np.float32)


class FaultyUtterance:
    def __init__(self, tts: FaultyTts) -> None:
        self._tts = tts
        self._text = ""
        self._finished = anyio.Event()

    async def feed(self, text: str) -> None:
        await self._tts.at("feed")
        self._text += text

    async def finish(self) -> None:
        await self._tts.at("finish")
        self._finished.set()

    async def __aiter__(self) -> AsyncGenerator[Speech, None]:
        await self._tts.at("begin")
        await self._finished.wait()
        at = 0
        for word in self._text.split():
            yield Speech(self._tts.pcm(), (SpokenWord(word, at),))
            at += round(WORD * TTS_RATE)
            await self._tts.at("middle")
        await self._tts.at("last")


STT_PLACES = ("listen", "feed", "finish", "exit")
LLM_PLACES = ("reply", "middle", "close")
TTS_PLACES = ("open", "feed", "finish", "begin", "middle", "last", "exit")
