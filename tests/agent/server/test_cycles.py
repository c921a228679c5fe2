"""A thousand clients that come and go leave the server as it was."""

import gc
import os
import threading
from asyncio import all_tasks
from pathlib import Path

import anyio
import pytest

from agent.config.sections import ServerSettings
from agent.server.running import Place, running
from agent.server.server import Server
from tests.agent.server.realtime.served import an_agent, raw, until

pytestmark = [pytest.mark.anyio, pytest.mark.long]
CYCLES = 1000
AT_ONCE = 10
MEGABYTES = 32
"""What memory may grow by: arenas of the allocator, and not 32 kB for each client."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_thousand_clients_come_and_go() -> None:
    server = Server(an_agent(), settings=ServerSettings(sessions=AT_ONCE * 2))
    await server.load()
    with anyio.fail_after(120):
        async with running(server, Place(port=0)) as address:
            host = address.removeprefix("http://").rstrip("/")
            await come_and_go(host, CYCLES // 10)  # what is made once is made
            before = await state(server)
            await come_and_go(host, CYCLES)
            after = await state(server)
    assert after[0] <= before[0]  # those of loading that have nothing to do end by and by
    assert after[1:-1] == before[1:-1]
    assert after[-1] - before[-1] < MEGABYTES


async def come_and_go(host: str, cycles: int) -> None:
    """Connect, greet and leave, `AT_ONCE` at a time; every third one without a word."""
    left = iter(range(cycles))

    async def one_after_the_other() -> None:
        for number in left:
            async with raw(host) as socket:
                await until(socket, "session.created")
                if number % 3 == 0:
                    socket.transport.abort()

    async with anyio.create_task_group() as tasks:
        for _ in range(AT_ONCE):
            tasks.start_soon(one_after_the_other)


async def state(server: Server) -> tuple[int, int, int, float]:
    """Threads, descriptors and tasks, and memory in MB, once everybody has gone."""
    while server.sessions:  # noqa: ASYNC110  (the end of the last one is no event)
        await anyio.sleep(0.02)
    await anyio.sleep(0.2)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])  # noqa: ASYNC240  (no disk)
    resident = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return threading.active_count(), len(os.listdir("/proc/self/fd")), len(all_tasks()), resident
