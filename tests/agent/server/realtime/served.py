"""A Realtime server with zero-cost engines, and a session without a transport, for the tests."""

import base64
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
from numpy.typing import NDArray
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.asyncio.client import ClientConnection, connect

from agent.agent import Agent
from agent.config.load import Config
from agent.config.sections import ServerSettings
from agent.server.realtime.session import RealtimeSession
from agent.server.running import Place, running
from agent.server.security import Keys
from agent.server.server import Server
from stt import Transcript
from tests.agent.fakes import RATE, FakeLlm, FakeRecognition, FakeStt, FakeTts, LoudnessVad

LONGEST = 300.0
"""Seconds, mostly virtual, that a test's session may take."""

EVENTS: TypeAdapter[RealtimeServerEvent] = TypeAdapter(RealtimeServerEvent)

STORY = [f"word{n} " for n in range(20)]
"""4 s of speech."""


def an_agent(
    replies: Sequence[Any] = (),
    words: Sequence[Any] = (),
    *,
    llm: Any = None,
    stt: Any = None,
    **config: Any,
) -> Agent:
    return Agent(
        Config.model_validate({"echo": "off", **config}),
        stt=stt or FakeStt(list(words)),
        llm=llm or FakeLlm(list(replies)),
        tts=FakeTts(),
        vad=LoudnessVad(),
    )


def sound(seconds: float, *, loud: bool) -> bytes:
    """PCM at 24 kHz."""
    return np.full(round(seconds * 24000), 16000 if loud else 3, "<i2").tobytes()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _without(event: dict[str, Any], extras: list[str]) -> dict[str, Any]:
    """An event as stock clients get it, who include nothing of ours."""
    return {**event, "session": {**event["session"], "include": None}} if extras else event


class Client:
    """A session's other side: what it was told, each event checked by OpenAI's own types."""

    def __init__(self, agent: Agent, **options: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.session = RealtimeSession(agent, self._take, **options)
        self._news = anyio.Event()

    def _take(self, event: dict[str, Any]) -> None:
        copy = json.loads(json.dumps(event))
        if not copy["type"].startswith("parley."):
            ours = [each for each in copy.get("session", {}).get("include") or () if "." in each]
            checked = EVENTS.validate_python(_without(copy, ours))
            assert checked.type == copy["type"]
        self.events.append(copy)
        self._news.set()
        self._news = anyio.Event()

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def send(self, kind: str, **fields: Any) -> None:
        self.session.receive(json.dumps({"type": kind, **fields}))

    def update(self, **session: Any) -> None:
        self.send("session.update", session={"type": "realtime", **session})

    async def until(self, kind: str, count: int = 1) -> dict[str, Any]:
        """The `count`th event of this kind, once it has come."""
        while len(self.of(kind)) < count:
            await self._news.wait()
        return self.of(kind)[count - 1]

    async def speak(self, *stretches: tuple[float, bool]) -> None:
        """Append stretches of (seconds, loud) in real time, 20 ms at a time."""
        began, sent = anyio.current_time(), 0
        for seconds, loud in stretches:
            for _ in range(round(seconds / 0.02)):
                sent += 1
                await anyio.sleep_until(began + sent * 0.02)
                self.send("input_audio_buffer.append", audio=base64_of(sound(0.02, loud=loud)))

    def say(self, text: str, **fields: Any) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content, **fields}
        self.send("conversation.item.create", item=item)


class PartialStt(FakeStt):
    """Gives the next partial transcript with every quarter of a second of sound."""

    def __init__(self, partials: list[str]) -> None:
        super().__init__([partials[-1]])
        self.partials = partials

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[FakeRecognition]:
        async with super().listen() as recognition:
            yield PartialRecognition(self, recognition)  # type: ignore[misc]


class PartialRecognition:
    def __init__(self, stt: PartialStt, whole: FakeRecognition) -> None:
        self._partials, self._whole, self._given = stt.partials, whole, 0

    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        await self._whole.feed(pcm)
        if self._whole.samples < (self._given + 1) * RATE / 4:
            return None
        self._given += 1
        return Transcript(self._partials[min(self._given, len(self._partials)) - 1])

    async def finish(self) -> Transcript:
        return await self._whole.finish()


@asynccontextmanager
async def connected(agent: Agent, **options: Any) -> AsyncGenerator[Client]:
    with anyio.fail_after(LONGEST):
        client = Client(agent, **options)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.session.run)
            await client.until("session.created")
            yield client
            client.session.close()


@asynccontextmanager
async def serving(
    agent: Agent, *, keys: tuple[str, ...] = (), **settings: Any
) -> AsyncGenerator[str]:
    """A real server on loopback; gives its address without the scheme, such as 127.0.0.1:9."""
    async with run(Server(agent, Keys(keys), ServerSettings(**settings))) as address:
        yield address


@asynccontextmanager
async def run(server: Server) -> AsyncGenerator[str]:
    """The same of a server that is there."""
    with anyio.fail_after(60):
        async with running(server, Place(port=0)) as address:
            await server.load()
            try:
                yield address.removeprefix("http://").rstrip("/")
            finally:
                await server.aclose()


@asynccontextmanager
async def raw(address: str, query: str = "", **options: Any) -> AsyncGenerator[ClientConnection]:
    async with connect(f"ws://{address}/v1/realtime{query}", max_size=None, **options) as socket:
        yield socket


async def until(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(await socket.recv())
        if event["type"] == kind:
            return event
