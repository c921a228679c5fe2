"""Utterances for engines that synthesise a clause at a time: the text is cut, the audio joined."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Self

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from tts.clauses import ClauseSplitter
from tts.protocol import Speech, TextToSpeechError

CLAUSES_AHEAD = 64
"""Clauses waiting to be spoken: more than this hold the writer up."""
PIECES_AHEAD = 1
"""Pieces of audio waiting to be taken; an engine may be at work on the next one."""

Send = Callable[[Speech], Coroutine[Any, Any, None]]
Synthesise = Callable[[str, Send], Awaitable[None]]
"""Synthesises a clause: sends its audio in order, words' starts counted from the clause's start."""
_Clause = MemoryObjectReceiveStream[Speech | TextToSpeechError]
"""What is made of a clause, and why no more is."""


@asynccontextmanager
async def open_utterance(
    synthesise: Synthesise, ahead: int = 0
) -> AsyncGenerator["ClauseUtterance"]:
    """Open an utterance whose clauses `synthesise` takes in turn; leaving cancels it.

    So many clauses `ahead` are begun while the one before them is still being made: for engines
    that mostly wait, for a server or a program.
    """
    text_in, text_out = anyio.create_memory_object_stream[str](CLAUSES_AHEAD)
    speech_in, speech_out = anyio.create_memory_object_stream[Speech](PIECES_AHEAD)
    with text_in, text_out, speech_in, speech_out:
        utterance = ClauseUtterance(text_in, speech_out)
        async with unwrapping_task_group() as group:
            group.start_soon(utterance.run, synthesise, ahead, text_out, speech_in)
            try:
                yield utterance
            finally:
                group.cancel_scope.cancel()


@asynccontextmanager
async def unwrapping_task_group() -> AsyncGenerator[TaskGroup]:
    """Open a task group that raises a single exception as it is, not wrapped in a group."""
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as raised:
        if len(raised.exceptions) == 1:
            raise raised.exceptions[0] from None
        raise


class SpeechReader:
    """The end of an utterance that its audio is read from: another task makes it, or fails."""

    def __init__(self, speech: MemoryObjectReceiveStream[Speech]) -> None:
        self._speech = speech
        self._error: TextToSpeechError | None = None
        """Raised when what was made has been read."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Speech:
        try:
            return await self._speech.receive()
        except anyio.EndOfStream:
            if self._error is not None:
                raise self._error from None
            raise StopAsyncIteration from None


class ClauseUtterance(SpeechReader):
    """Utterance of clauses: cuts the text and joins their audio; see `tts.protocol.Utterance`."""

    def __init__(
        self,
        clauses: MemoryObjectSendStream[str],
        speech: MemoryObjectReceiveStream[Speech],
    ) -> None:
        super().__init__(speech)
        self._splitter = ClauseSplitter()
        self._clauses = clauses

    async def feed(self, text: str) -> None:
        """Take more text; after a failure, which the iterator raises, it is dropped."""
        await self._send(self._splitter.feed(text))

    async def finish(self) -> None:
        """End the text."""
        await self._send(self._splitter.finish())
        self._clauses.close()

    async def run(
        self,
        synthesise: Synthesise,
        ahead: int,
        clauses: MemoryObjectReceiveStream[str],
        speech: MemoryObjectSendStream[Speech],
    ) -> None:
        """Synthesise the clauses in tasks of their own, until either end is closed."""
        begun, in_order = anyio.create_memory_object_stream[_Clause](ahead)
        with speech, ExitStack() as opened:
            try:
                async with unwrapping_task_group() as group:
                    group.start_soon(self._begin, synthesise, clauses, begun, group, opened)
                    await self._join(in_order, speech)
            except TextToSpeechError as error:
                self._error = error

    async def _begin(
        self,
        synthesise: Synthesise,
        clauses: MemoryObjectReceiveStream[str],
        begun: MemoryObjectSendStream[_Clause],
        group: TaskGroup,
        opened: ExitStack,
    ) -> None:
        with clauses, begun:
            async for clause in clauses:
                # What a clause sounds like may be buffered whole: how long it is has a limit.
                made, pieces = anyio.create_memory_object_stream[Speech | TextToSpeechError](
                    math.inf
                )
                opened.push(made)
                opened.push(pieces)
                try:
                    await begun.send(pieces)
                except anyio.BrokenResourceError:
                    return  # a clause before it has failed, and nobody takes more
                group.start_soon(_make, synthesise, clause, made)

    async def _join(
        self, clauses: MemoryObjectReceiveStream[_Clause], speech: MemoryObjectSendStream[Speech]
    ) -> None:
        """Send what the clauses are made into, in order. Raises the first one's failure."""
        played = 0  # samples sent: where the next piece starts in the utterance
        with clauses:
            async for clause in clauses:
                clause_start = played
                with clause:
                    async for piece in clause:
                        if isinstance(piece, TextToSpeechError):
                            raise piece
                        words = tuple(
                            replace(word, start=word.start + clause_start) for word in piece.words
                        )
                        played += len(piece.pcm)
                        await speech.send(Speech(piece.pcm, words))

    async def _send(self, clauses: list[str]) -> None:
        for clause in clauses:
            try:
                await self._clauses.send(clause)
            except anyio.BrokenResourceError:
                return  # speaking has failed; whoever takes the audio is told why


async def _make(
    synthesise: Synthesise,
    clause: str,
    made: MemoryObjectSendStream[Speech | TextToSpeechError],
) -> None:
    """Synthesise a clause; its failure is told when its turn to be heard comes."""
    with made:
        try:
            await synthesise(clause, made.send)
        except TextToSpeechError as error:
            await made.send(error)
