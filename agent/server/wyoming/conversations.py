"""The conversations that Home Assistant holds with the agent: how many, and for how long."""

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Self

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.agent import Agent
from agent.errors import ParleyError
from agent.events import AssistantDone, ErrorEvent, Report, SessionEnded
from agent.guards.foreign import describe, only
from agent.server.errors import ServerBusyError
from agent.server.wyoming.writing import WrittenConversation
from llm_adapters import LanguageModelError

MOST = 32
"""Conversations that are remembered; the one that was silent for longest makes room."""
KEPT = 600.0
"""Seconds of silence after which one is forgotten; Home Assistant forgets its own after 300."""
TURNS = 100
"""Questions in one conversation; then it begins anew."""
WAITING = 4
"""Questions that may wait in one conversation for the answer to another."""


class AnswerError(ParleyError):
    """There is no answer, or no whole one."""


@dataclass(slots=True, eq=False)
class _Question:
    text: str
    words: MemoryObjectSendStream[str]
    failure: str = ""


@dataclass(slots=True, eq=False)
class _Kept:
    """A conversation under way, in a task of its own."""

    questions: MemoryObjectSendStream[_Question]
    used: float
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    answering: int = 0


class Conversations:
    """All conversations in writing by their ids; made by `Conversations.open`."""

    def __init__(
        self, agent: Callable[[], Agent], reporter: Callable[[str], Report], tasks: TaskGroup
    ) -> None:
        self._agent = agent
        self._reporter = reporter
        self._numbers = count(1)
        self._tasks = tasks
        self._kept: dict[str, _Kept] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls, agent: Callable[[], Agent], reporter: Callable[[str], Report]
    ) -> AsyncGenerator[Self]:
        """Conversations for the block, with `agent`, which may be another one after a while.

        `reporter` gives what one, by its name, is reported to.
        """
        async with anyio.create_task_group() as tasks:
            yield cls(agent, reporter, tasks)
            tasks.cancel_scope.cancel()

    async def answer(self, conversation: str, text: str) -> AsyncGenerator[str]:
        """The words of the answer, as they come. Raises AnswerError, ServerBusyError."""
        kept = self._kept.get(conversation) or self._begin(conversation)
        words, answer = anyio.create_memory_object_stream[str](math.inf)
        question = _Question(text, words)
        try:
            kept.questions.send_nowait(question)
        except anyio.WouldBlock:
            raise ServerBusyError("this conversation has other questions to answer") from None
        kept.answering += 1
        try:
            with answer:
                async for word in answer:
                    yield word
        finally:
            kept.answering -= 1
            kept.used = anyio.current_time()
        if question.failure:
            raise AnswerError(question.failure)

    def _begin(self, conversation: str) -> _Kept:
        if len(self._kept) >= MOST:
            idle = {name: kept for name, kept in self._kept.items() if not kept.answering}
            if not idle:
                raise ServerBusyError(f"{MOST} conversations wait for their answers")
            oldest = min(idle, key=lambda name: idle[name].used)
            self._kept.pop(oldest).scope.cancel()
        send, questions = anyio.create_memory_object_stream[_Question](WAITING)
        kept = self._kept[conversation] = _Kept(send, anyio.current_time())
        self._tasks.start_soon(self._keep, conversation, kept, questions)
        return kept

    async def _keep(
        self, name: str, kept: _Kept, questions: MemoryObjectReceiveStream[_Question]
    ) -> None:
        """Hold a conversation until nobody asks any more."""
        why = "the conversation was too long, and begins anew: ask again"
        report = self._reporter(f"written-{next(self._numbers)}")
        before: WrittenConversation | None = None
        with kept.scope, kept.questions, questions:
            try:
                question = await _next(questions)
                while question is not None:
                    agent = self._agent()
                    async with WrittenConversation.open(agent, report, before) as conversation:
                        while question is not None and agent is self._agent():
                            await _answer(conversation, question)
                            more = conversation.turns < TURNS
                            question = await _next(questions) if more else None
                    before = conversation
            except TimeoutError:
                pass
            except Exception as error:  # noqa: BLE001  (a tool that cannot be made)
                why = str(only(error))
            finally:
                if self._kept.get(name) is kept:
                    del self._kept[name]
                report(SessionEnded("finished"))
                _fail(questions, why)


async def _next(questions: MemoryObjectReceiveStream[_Question]) -> _Question | None:
    with anyio.fail_after(KEPT):
        return await questions.receive()


async def _answer(conversation: WrittenConversation, question: _Question) -> None:
    with question.words:
        try:
            async with aclosing(conversation.answer(question.text)) as words:
                async for word in words:
                    question.words.send_nowait(word)
        except anyio.BrokenResourceError:
            pass  # nobody waits for it any more
        except Exception as error:  # noqa: BLE001  (P6: it ends an answer, never more)
            cause = only(error)
            known = isinstance(cause, LanguageModelError)
            question.failure = str(cause) if known else describe(error)
            code = type(cause).__name__
            conversation.report(ErrorEvent("llm", code, question.failure, recovered=True))
            conversation.report(AssistantDone(conversation.turns, ""))


def _fail(questions: MemoryObjectReceiveStream[_Question], why: str) -> None:
    """Tell whoever has asked that nothing comes."""
    while True:
        try:
            question = questions.receive_nowait()
        except (anyio.WouldBlock, anyio.EndOfStream):
            return
        question.failure = why
        question.words.close()
