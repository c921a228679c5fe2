"""Engines that take no time: what passes is the server's."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.agent import Agent
from agent.config.load import Config
from agent.load_test.speech import RATE
from bench.server.speech import voice
from llm_adapters import Message, TextDelta, ToolSpec
from stt import Transcript
from tts import Speech, SpokenWord


class Loud:
    """Loud is voice."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)

    async def load(self) -> None: ...

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        self._rest = np.concatenate((self._rest, pcm))
        count = len(self._rest) // 512
        heard, self._rest = self._rest[: count * 512], self._rest[count * 512 :]
        return [0.99 if np.abs(part).mean() > 0.25 else 0.01 for part in heard.reshape(-1, 512)]

    def reset(self) -> None:
        self._rest = np.zeros(0, np.float32)


class InstantStt:
    """Understands the same question each time, at once; it is its own recognition."""

    sample_rate = 16000

    async def load(self) -> None: ...
    async def aclose(self) -> None: ...

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator["InstantStt", None]:
        yield self

    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        del pcm
        return None

    async def finish(self) -> Transcript:
        return Transcript("What time is it?")


class InstantLlm:
    """Gives four words at once."""

    async def load(self) -> None: ...
    async def aclose(self) -> None: ...

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[TextDelta, None]:
        del messages, tools
        for word in ("It ", "is ", "noon ", "now."):
            yield TextDelta(word)


class InstantTts:
    """Makes 0.2 s of sound of every fragment, at once."""

    sample_rate = RATE

    async def load(self) -> None: ...
    async def aclose(self) -> None: ...

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["InstantUtterance", None]:
        yield InstantUtterance()


class InstantUtterance:
    def __init__(self) -> None:
        self._send, self._receive = anyio.create_memory_object_stream[str](1000)
        self._samples = 0

    async def feed(self, text: str) -> None:
        await self._send.send(text)

    async def finish(self) -> None:
        self._send.close()

    def __aiter__(self) -> AsyncIterator[Speech]:
        return self

    async def __anext__(self) -> Speech:
        try:
            text = await self._receive.receive()
        except anyio.EndOfStream:
            self._receive.close()
            raise StopAsyncIteration from None
        word = SpokenWord(text.strip(), self._samples)
        pcm = voice(0.2, RATE)
        self._samples += len(pcm)
        return Speech(pcm, (word,))


def instant_agent() -> Agent:
    """An agent of which nothing takes time but the wait for a turn's end."""
    config = Config.model_validate({"echo": "off"})
    return Agent(config, stt=InstantStt(), llm=InstantLlm(), tts=InstantTts(), vad=Loud())
