"""A microphone that is never off, as those of the clients: silence, and a question when told to."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

PIECE = 960
"""Bytes of 20 ms: 16 bit samples at 24 kHz."""


class Microphone:
    """Gives `send` 20 ms in real time, until the block ends."""

    def __init__(self, question: str, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._question = Path(question).read_bytes()
        self._send = send
        self._left = b""

    def ask(self) -> None:
        """Say the question, from now on."""
        self._left = self._question

    async def __aenter__(self) -> "Microphone":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        began, sent = time.monotonic(), 0
        while True:
            piece, self._left = self._left[:PIECE], self._left[PIECE:]
            await self._send(piece.ljust(PIECE, b"\0"))
            sent += 1
            await asyncio.sleep(max(0.0, began + sent * 0.02 - time.monotonic()))
