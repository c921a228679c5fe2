"""What a reply does with tools: here its calls are told, asked about and run."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import anyio

from agent.conversation.floor import Floor
from agent.tools import Say, Toolbox
from agent.tools.answer import Answer
from agent.tools.confirmation import Question
from agent.tools.toolbox import Run, bounded
from llm_adapters import Message, TextDelta, ToolCall, ToolSpec

ROUNDS = 8
"""Times in one turn that the model may use tools; then it has to answer."""
CALLS = 32
"""Calls in one turn."""
PATIENCE = 1.0
"""Seconds that tools may run before the user hears a filler."""
SECOND_THOUGHT = 0.7
"""Seconds of silence that make a yes the user's last word: "yes … but not that one"."""


@dataclass(frozen=True, slots=True)
class _Round:
    """What the model said and the tools that it then asked for."""

    text: str
    calls: tuple[ToolCall, ...]
    runs: tuple[Run, ...]

    def messages(self, text: str = "") -> tuple[Message, ...]:
        """The calls and, for every one of them, what came of it so far."""
        results = zip(self.calls, self.runs, strict=True)
        return (
            Message("assistant", text, calls=self.calls),
            *(Message("tool", run.tell(), call_id=call.id) for call, run in results),
        )


class ToolUse:
    """Tool use of a reply: no call starts while the reply does not have the floor.

    One that has started finishes, whatever becomes of the reply.
    """

    def __init__(
        self, toolbox: Toolbox, turn: int, floor: Floor, waiting: Callable[[], None]
    ) -> None:
        """`waiting` is told when tools begin to take long."""
        self.interruptible = True
        """Whether the user may cut in on what the tools have said."""
        self.question: Question | None = None
        """What the user is asked at the end of the reply, if anything."""
        self._toolbox = toolbox
        self._turn = turn
        self._floor = floor
        self._waiting = waiting
        self._rounds: list[_Round] = []

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools that the model may call now: none once it has called enough."""
        may_call = len(self._rounds) < ROUNDS and self.left > 0
        return self._toolbox.specs if may_call else ()

    @property
    def left(self) -> int:
        """Calls that may follow."""
        return CALLS - sum(len(round_.calls) for round_ in self._rounds)

    @property
    def had_their_say(self) -> bool:
        """Whether what the tools want said, or asked, stands in the place of the model's words."""
        return self.question is not None or bool(self._says())

    @property
    def silent(self) -> bool:
        """Whether they want just nothing said."""
        return self.had_their_say and not (self.question or any(s.text for s in self._says()))

    def messages(self, *, said: bool = False) -> tuple[Message, ...]:
        """The calls with their results; with `said` what the model said before them, too.

        Every call has its result; one that still runs says so, and gives it once it is there.
        """
        rounds = self._rounds
        return tuple(m for r in rounds for m in r.messages(r.text if said else ""))

    async def answer(self, text: str) -> AsyncGenerator[TextDelta, None]:
        """Run what the user has been asked about, if `text` is a yes; if it is unclear ask again.

        Neither happens before the turn is committed, with words that mean the same.
        """
        given = self._toolbox.confirmation.answer(self._turn, text)
        if given is None or given[1] not in (Answer.YES, Answer.UNSURE):
            return
        await self._floor.wait()
        given = self._toolbox.confirmation.answer(self._turn, text)
        match given:
            case (question, Answer.YES):
                await anyio.sleep(SECOND_THOUGHT)
                await self._floor.wait()
                # A call of its own: the one that the question was about has been answered.
                call = replace(question.call, id=f"{question.call.id}-confirmed")
                run = self._toolbox.run_confirmed(question, self._turn)
                async with aclosing(self._results("", [call], [run])) as deltas:
                    async for delta in deltas:
                        yield delta
            case (question, Answer.UNSURE):
                self.question = replace(question, again=True)
                yield TextDelta(question.text)

    async def run(self, text: str, calls: Sequence[ToolCall]) -> AsyncGenerator[TextDelta, None]:
        """Run `calls`, which the model made after `text`; what one of them wants said is text."""
        await self._floor.wait()
        runs: list[Run] = []
        for call in calls:
            run = self._toolbox.start(call, self._turn, may_ask=self.question is None)
            self.question = self.question or run.question
            runs.append(run)
        kept = [bounded(call) for call in calls]
        async with aclosing(self._results(text, kept, runs)) as deltas:
            async for delta in deltas:
                yield delta

    async def _results(
        self, text: str, calls: Sequence[ToolCall], runs: Sequence[Run]
    ) -> AsyncGenerator[TextDelta, None]:
        self._rounds.append(_Round(text, tuple(calls), tuple(runs)))
        with anyio.move_on_after(PATIENCE):
            await _all(runs)
        if not all(run.done.is_set() for run in runs):
            self._waiting()
            await _all(runs)
        for run in sorted(runs, key=lambda run: run.question is not None):  # it has the last word
            if run.say is not None and run.say.text:
                self.interruptible = self.interruptible and run.say.interruptible
                yield TextDelta(run.say.text)

    def _says(self) -> list[Say]:
        """What the tools of the last round want said."""
        runs = self._rounds[-1].runs if self._rounds else ()
        return [run.say for run in runs if run.say is not None]


async def _all(runs: Sequence[Run]) -> None:
    for run in runs:
        await run.done.wait()
