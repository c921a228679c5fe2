"""A conversation in writing: the agent without ears and voice, and how its answers are shown."""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
from rich.text import Text

from agent.agent import Agent
from agent.cli.console import SafeConsole, shown
from agent.cli.event_log import EventLog, as_line
from agent.cli.output import warn
from agent.cli.streams import presentable
from agent.cli.view import line_of
from agent.config.load import Config
from agent.conversation.activity import Activity, ReplyBegan, ReplyOver, ReplyText
from agent.conversation.conversation import Conversation
from agent.conversation.handoff import AgentHandoff
from agent.conversation.store import open_store
from agent.events import ErrorEvent, Event, NoticeEvent, Report, WarningEvent
from agent.tools import ToolCalled


class Page:
    """Where a conversation in writing is shown: told of all that happens in it."""

    def __init__(self) -> None:
        self.failed = False
        """Whether something has."""
        self._replies: set[int] = set()  # under way
        self._rested = anyio.Event()

    def __call__(self, event: Event) -> None:
        """Something has happened."""
        self.failed = self.failed or isinstance(event, ErrorEvent)

    def activity(self, item: Activity) -> None:
        """A reply begins, goes on, or is over."""
        match item:
            case ReplyBegan(reply):
                self._replies.add(reply)
            case ReplyOver(reply):
                self._replies.discard(reply)
                self._rested.set()

    async def rested(self) -> None:
        """Wait until nothing is being written: after a handoff another agent goes on."""
        while self._replies:
            self._rested = anyio.Event()
            await self._rested.wait()


class Words:
    """The words of a reply as they come, each whole: half a secret would not be known as one."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.begun = False
        self._write = write
        self._rest = ""

    def add(self, text: str) -> None:
        """More of it."""
        self._rest = (self._rest + text) if self.begun else (self._rest + text).lstrip()
        end = max(self._rest.rfind(" "), self._rest.rfind("\n")) + 1
        if end:
            # White space waits for the word behind it: a reply ends with none.
            end = len(self._rest[:end].rstrip())
            self._out(self._rest[:end])
            self._rest = self._rest[end:]

    def end(self) -> None:
        """That was all of it."""
        self._out(self._rest.rstrip())
        self._rest = ""

    def _out(self, text: str) -> None:
        if text:
            self._write(text)
            self.begun = True


class PlainPage(Page):
    """Answers on stdout, each on a line of its own; what is amiss on stderr."""

    def __init__(self) -> None:
        super().__init__()
        self._words = Words(self._write)

    def __call__(self, event: Event) -> None:
        """Tell what is amiss."""
        super().__call__(event)
        match event:
            case ErrorEvent(stage=stage, message=message):
                warn(f"{stage}: {message}")
            case WarningEvent(message=message):
                warn(message)

    def activity(self, item: Activity) -> None:
        """Write more of a reply."""
        super().activity(item)
        match item:
            case ReplyText(delta=delta):
                self._words.add(delta)
            case ReplyOver():
                self._words.end()
                if self._words.begun:
                    print(flush=True)
                self._words = Words(self._write)

    def _write(self, text: str) -> None:
        print(re.sub(r"\s+", " ", text), end="", flush=True)


class JsonPage(Page):
    """Every event on stdout, as a line of the event log."""

    def __init__(self) -> None:
        super().__init__()
        self._start = anyio.current_time()

    def __call__(self, event: Event) -> None:
        """Write the event."""
        super().__call__(event)
        print(as_line(event, self._start), flush=True)


class TerminalPage(Page):
    """Answers on a terminal as they come; above the line that is being typed, if one is."""

    def __init__(self, name: str, draw_line: Callable[[], None]) -> None:
        """`name` is the agent's; `draw_line` draws the line that is being typed anew."""
        super().__init__()
        self.typing = False
        """Whether the user is at it: what comes then is shown once it is whole."""
        self._console = SafeConsole()
        self._name = presentable(name)
        self._draw_line = draw_line
        self._waiting = Text()  # what is shown once it is whole
        self._words = Words(self._write)

    def __call__(self, event: Event) -> None:
        """Show what people should know besides the words."""
        super().__call__(event)
        match event:
            case AgentHandoff(name=name):
                self._name = presentable(name)
            case ToolCalled():
                called = shown(event)
                self._show(Text(f"{called.name} {called.arguments}", style="dim"))
            case ErrorEvent() | WarningEvent() | NoticeEvent():
                self._show(line_of(shown(event), self._name) or Text())

    def activity(self, item: Activity) -> None:
        """Write more of a reply."""
        super().activity(item)
        match item:
            case ReplyText(delta=delta):
                self._words.add(delta)
            case ReplyOver(interrupted=interrupted):
                self._words.end()
                if self._words.begun:
                    self._out(Text(" — (stopped)" if interrupted else "", style="dim"))
                    self._show(Text())
                self._words = Words(self._write)

    def _write(self, text: str) -> None:
        if not self._words.begun:
            self._out(Text(f"{self._name}: ", style="bold green"))
        self._out(Text(text))

    def _out(self, text: Text) -> None:
        """Write it, or keep it while the user types."""
        if self.typing:
            self._waiting.append_text(text)
        else:
            self._console.print(text, end="", soft_wrap=True)

    def _show(self, text: Text) -> None:
        """Write a line of its own, or with no `text` end the one that is being written."""
        if text and self._words.begun:
            text = Text("\n").append_text(text)
        if not self.typing:
            self._console.print(text, soft_wrap=True)
            return
        whole, self._waiting = self._waiting.append_text(text), Text()
        self._console.file.write("\r\x1b[J")
        self._console.print(whole, soft_wrap=True)
        self._draw_line()


@asynccontextmanager
async def writing(
    config: Config,
    page: Page,
    *,
    events: Path | None = None,
    resume: str | None = None,
) -> AsyncGenerator[Conversation]:
    """A conversation in writing for the block: no sound card, no recogniser, no voice.

    `events`, `resume`: as with `agent.cli.live.talk`. Raises what people should be told.
    """
    watchers: list[Report] = [page]

    def report(event: Event) -> None:
        for watcher in watchers:
            watcher(event)

    async with AsyncExitStack() as stack:
        if (memory := open_store(config.session, resume, report)) is not None:
            watchers.append(stack.enter_context(memory))
            config = memory.goes_on(config)
        # Who reads takes their time, and what greets them is not cut off by what they typed ahead.
        greeting = config.agent.greeting
        config = config.changed({"agent": {"greeting": ""}, "idle": {"after": None}})
        agent = Agent(config, listens=False, speaks=False)
        stack.push_async_callback(agent.aclose)
        await agent.load()
        if events is not None:
            watchers.append(stack.enter_context(EventLog(events, report)))
        earlier = memory.messages if memory is not None else ()
        begun = agent.start(report=report, earlier=earlier, watch=page.activity)
        conversation = await stack.enter_async_context(begun)
        if greeting:
            await conversation.say(greeting)
        yield conversation
