"""An utterance as the event loop sees it: its state is on the thread of a model's worker."""

from functools import partial
from typing import Generic, Protocol, TypeVar

import anyio.lowlevel

from tts.protocol import Speech
from tts.transformer.item import Item
from tts.transformer.mailbox import Mailbox
from tts.transformer.worker import Worker


class State(Protocol):
    """What is done with an utterance on the worker's thread."""

    def feed(self, text: str) -> None:
        """Take more text. Raises TextToSpeechError."""

    def finish(self) -> None:
        """Take the end of the text. Raises TextToSpeechError."""

    def heard(self) -> None:
        """Note that the listener has taken a piece."""


S = TypeVar("S", bound=State)


class WorkerUtterance(Generic[S]):
    """Speaks one reply (`tts.protocol.Utterance`). Text without speaker tags is spoken as [S1]."""

    def __init__(self, worker: Worker[S], state: S, mailbox: Mailbox[Item]) -> None:
        self._worker = worker
        self._state = state
        self._mailbox = mailbox

    async def feed(self, text: str) -> None:
        """Take more text; after a failure, which the iterator raises, it is dropped."""
        await anyio.lowlevel.checkpoint()
        self._worker.tell(self._state, partial(self._state.feed, text))

    async def finish(self) -> None:
        """Take the end of the text."""
        await anyio.lowlevel.checkpoint()
        self._worker.tell(self._state, self._state.finish)

    def __aiter__(self) -> "WorkerUtterance[S]":
        return self

    async def __anext__(self) -> Speech:
        """Wait for the next piece. Raises TextToSpeechError if speaking has failed."""
        item = await self._mailbox.get()
        if isinstance(item, Speech):
            self._worker.tell(self._state, self._state.heard)
            return item
        self._mailbox.put(item)  # and so it stays
        if item is None:
            raise StopAsyncIteration
        raise item
