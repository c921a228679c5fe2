"""A server on loopback, with the engines that come along, and OpenAI's own client."""

from collections.abc import AsyncGenerator

import openai
import pytest

from agent.agent import Agent
from agent.config.load import Config
from agent.server.running import Place, running
from agent.server.server import Server


@pytest.fixture
def anyio_backend() -> str:
    """The server is asyncio's."""
    return "asyncio"


@pytest.fixture
async def server() -> AsyncGenerator[Server, None]:
    """A server whose agent is loaded: pocketsphinx, eliza, espeak."""
    server = Server(Agent(Config()))
    await server.load()
    yield server
    await server.aclose()


@pytest.fixture
async def address(server: Server) -> AsyncGenerator[str, None]:
    """Where it answers, such as `http://127.0.0.1:1234/`."""
    async with running(server, Place(port=0)) as address:
        yield address


@pytest.fixture
async def client(address: str) -> AsyncGenerator[openai.AsyncOpenAI, None]:
    """OpenAI's client, pointed at it."""
    async with openai.AsyncOpenAI(
        base_url=f"{address}v1", api_key="none", max_retries=0, timeout=30
    ) as client:
        yield client
