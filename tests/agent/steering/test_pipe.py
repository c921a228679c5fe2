"""The named pipe of Windows, over a Unix socket: all of it but the pipe."""

from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from agent.steering import pipe

pytestmark = pytest.mark.anyio

UNIX = "AF_UNIX"
LIMITS: dict[str, Any] = {"limit": 2, "longest": 100, "patience": 0.5}


async def shout(line: bytes) -> bytes:
    return line.upper()


async def ask(address: str, request: bytes, patience: float = 5.0) -> bytes:
    return await anyio.to_thread.run_sync(
        lambda: pipe.exchange(address, request, patience, family=UNIX)
    )


async def test_requests_are_answered_until_it_is_over(tmp_path: Path) -> None:
    address = str(tmp_path / "pipe")
    assert not pipe.reachable(address, UNIX)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            listener = pipe.listen(address, UNIX)
            tasks.start_soon(lambda: pipe.serve(listener, shout, **LIMITS))
            assert await ask(address, b"mute") == b"MUTE"
            assert await anyio.to_thread.run_sync(pipe.reachable, address, UNIX)
            assert await ask(address, b"again") == b"AGAIN"
            with pytest.raises(OSError, match=r"closed the connection|reset by peer"):
                await ask(address, b"a" * 101)
            assert await ask(address, b"still there") == b"STILL THERE"
            tasks.cancel_scope.cancel()
    assert not pipe.reachable(address, UNIX)


async def test_a_name_that_another_has_cannot_be_had(tmp_path: Path) -> None:
    address = str(tmp_path / "pipe")
    with pipe.listen(address, UNIX), pytest.raises(OSError, match="in use"):
        pipe.listen(address, UNIX)
