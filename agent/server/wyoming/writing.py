"""A conversation in writing with the agent, as Home Assistant holds it: model, memory and tools.

Who says what belongs together is known by the conversation's id. There is neither voice nor turn
detection in it: whoever asks has finished.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Self

import anyio

from agent.agent import Agent
from agent.audio.playback import Playback
from agent.config.load import Config
from agent.conversation.controls import Controls
from agent.conversation.floor import Floor
from agent.conversation.generation import Generation
from agent.conversation.history import History
from agent.conversation.latency import Stopwatch
from agent.conversation.prompt import system_message
from agent.events import AssistantDone, Report, TurnCommitted
from agent.tools import Toolbox
from llm_adapters import LanguageModel, LanguageModelError


class WrittenConversation:
    """The agent's answers to one user who writes; made by `WrittenConversation.open`."""

    def __init__(
        self,
        llm: LanguageModel,
        history: History,
        toolbox: Toolbox,
        report: Report,
    ) -> None:
        self.report = report
        """Is told what happens."""
        self.turns = 0
        """How many questions have been answered, or not."""
        self._llm = llm
        self._history = history
        self._toolbox = toolbox

    @classmethod
    @asynccontextmanager
    async def open(
        cls, agent: Agent, report: Report, before: Self | None = None
    ) -> AsyncGenerator[Self]:
        """A conversation for the block, and its tools with it. Raises ConfigError.

        `before`: one with another agent, which this one goes on with.
        """
        config: Config = agent.config
        instructions = system_message(config.agent.preamble, config.agent.instructions)
        history = History(instructions) if before is None else before._history
        history.instruct(instructions)
        controls = Controls(Playback(agent.tts.sample_rate), history)
        language = config.spoken or getattr(config.stt, "language", None)
        async with Toolbox.open(config.tools, controls, report, language=language) as toolbox:
            conversation = cls(agent.llm, history, toolbox, report)
            conversation.turns = 0 if before is None else before.turns
            yield conversation

    async def answer(self, text: str) -> AsyncGenerator[str]:
        """The words of the answer, as they come; what tools wanted said meanwhile is first.

        Raises LanguageModelError; what was answered so far is remembered.
        """
        self.turns += 1
        confirmation = self._toolbox.confirmation
        confirmation.begins(self.turns, over=False, now=anyio.current_time())
        confirmation.committed(self.turns, text)
        self._history.user(text)
        floor = Floor()
        floor.take()
        generation = Generation(
            self._llm,
            self._history.messages,
            self._toolbox,
            turn=self.turns,
            report=self.report,
            floor=floor,
        )
        self.report(TurnCommitted(self.turns, text))
        watch = Stopwatch()
        watch.mark("transcript")
        said = ""
        try:
            for announced in self._announced():
                said += f"{announced} "
                yield f"{announced} "
            async with aclosing(generation.text()) as deltas:
                async for delta in deltas:
                    watch.mark("first_token")
                    said += delta.text
                    yield delta.text
            if not said.strip() and not generation.silent:
                raise LanguageModelError("the language model gave an empty reply")
            self.report(watch.latency(self.turns))
            self.report(AssistantDone(self.turns, said.strip()))
        finally:
            now = anyio.current_time()
            confirmation.said(generation.question, whole=True, now=now)
            self._history.tools_used(generation)
            self._history.assistant(said.strip())

    def _announced(self) -> list[str]:
        texts = []
        while True:
            try:
                texts.append(self._toolbox.announcements.receive_nowait())
            except (anyio.WouldBlock, anyio.EndOfStream):
                return texts
