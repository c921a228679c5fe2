"""A server that speaks Wyoming, with engines that cost nothing, and Home Assistant's own client."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from wyoming.client import AsyncTcpClient
from wyoming.event import Event, Eventable

from agent.agent import Agent
from agent.config.load import Config
from agent.server.server import Server
from agent.server.wyoming.listening import listening
from tests.agent.fakes import FakeLlm, FakeStt, FakeTts, LoudnessVad

Serving = Callable[..., AbstractAsyncContextManager[int]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def serving() -> Serving:
    """`async with serving(texts=…, replies=…, …) as port:` a server that has been loaded."""

    @asynccontextmanager
    async def serve(
        texts: list[Any] | None = None,
        replies: Any = (),
        *,
        load: bool = True,
        **engines: Any,
    ) -> AsyncGenerator[int]:
        config = engines.pop("config", Config())
        agent = Agent(
            config,
            stt=engines.pop("stt", FakeStt(texts or [])),
            llm=engines.pop("llm", FakeLlm(replies)),
            tts=engines.pop("tts", FakeTts()),
            vad=LoudnessVad(),
        )
        server = engines.pop("server", Server(agent))
        if load:
            await server.load()
        async with listening(server, "127.0.0.1", 0) as port:
            yield port

    return serve


@asynccontextmanager
async def client(port: int) -> AsyncGenerator[AsyncTcpClient]:
    async with AsyncTcpClient("127.0.0.1", port) as connected:
        yield connected


async def ask(connected: AsyncTcpClient, *events: Eventable, until: str) -> list[Event]:
    """Send events; what comes back, up to the first event of the type `until`, or the end."""
    for sent in events:
        await connected.write_event(sent.event())
    answers: list[Event] = []
    while not answers or answers[-1].type != until:
        event = await connected.read_event()
        if event is None:
            break
        answers.append(event)
    return answers
