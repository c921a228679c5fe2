"""A conversation's tools: what there is, and the calls under way.

Calls run in the toolbox's own task group, which outlives every reply: a tool that is running when
the user interrupts finishes, and what it gave is kept.
"""

import json
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any, Self, cast

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream

from agent.config.tools import ToolSettings
from agent.errors import ConfigError
from agent.events import Report, WarningEvent
from agent.graph import task_group
from agent.guards.foreign import describe, foreign, only
from agent.guards.text import valid_json
from agent.guards.thread import run_in_thread
from agent.tools import result
from agent.tools.builtin import NAMES, Builtins, Controls
from agent.tools.confirmation import Confirmation, Question
from agent.tools.events import ToolCalled, ToolReturned
from agent.tools.function import find_function, function_tool
from agent.tools.mcp import McpConnection
from agent.tools.tool import Action, Say, Tool, ToolError
from llm_adapters import ToolCall, ToolSpec

PATIENCE = 10.0
"""Seconds that the start of a conversation waits for MCP servers."""
LONGEST_ARGUMENTS = 100_000
"""Characters of a call's arguments."""
LONGEST_NAME = 64
"""Characters of a tool's name, as everybody has it who serves models."""


def bounded(call: ToolCall) -> ToolCall:
    """Return a call that is not too long to be kept; a longer one without its arguments."""
    long = len(call.arguments) > LONGEST_ARGUMENTS
    name, arguments = call.name[:LONGEST_NAME], "{}" if long else call.arguments
    return replace(call, name=name, arguments=arguments)


class Run:
    """A call under way or done; whoever makes the same call meanwhile shares it."""

    def __init__(self, say: Say | None = None, result: str | None = None) -> None:
        """Under way, or with `result` done at once; `say` is to be spoken in the reply's place."""
        self.done = anyio.Event()
        self.told = False
        """Whether the model has been shown the result, so that it knows not to call again."""
        self.say = say
        self.question: Question | None = None
        """What the user has to be asked before it runs."""
        self._result = "still running; what it gives will stand here"
        if result is not None:
            self.finish(result, say)

    def finish(self, result: str, say: Say | None = None) -> None:
        """Keep what the call gave; whoever waits for it goes on."""
        self._result, self.say = result, say
        self.done.set()

    def tell(self) -> str:
        """Return what the model is shown now: the result, or that there is none yet."""
        self.told = self.told or self.done.is_set()
        return self._result


@dataclass(slots=True, eq=False)
class _Server:
    """A server of tools: those that it has given, and the groups that have them."""

    entry: ToolSettings
    groups: Sequence[str] = ()
    tools: list[Tool] = field(default_factory=list)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    @property
    def name(self) -> str:
        return McpConnection(self.entry).name


class Toolbox:
    """The tools of one conversation; made by `Toolbox.open`."""

    def __init__(self, tasks: TaskGroup, report: Report, language: str | None) -> None:
        self.confirmation = Confirmation(language)
        """What the user has been asked to confirm, and answered."""
        send, self.announcements = anyio.create_memory_object_stream[str](1000)
        self._send = send
        self._tasks = tasks
        self._report = report
        self._tools: dict[str, dict[str, Tool]] = {"": {}}
        self.group = ""
        """Whose tools are used: that of one of several agents."""
        self._servers: list[_Server] = []
        self._offered: dict[str, Tool] = {}
        self._runs: dict[tuple[str, str], Run] = {}

    _builtins: Builtins
    announcements: MemoryObjectReceiveStream[str]
    """What a tool wants said at the next pause in the conversation, such as a timer's end."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Sequence[ToolSettings],
        controls: Controls,
        report: Report,
        *,
        language: str | None = None,
        groups: Mapping[str, Sequence[ToolSettings]] | None = None,
    ) -> AsyncGenerator[Self, None]:
        """Make the tools that `settings` name, for one conversation; calls end with the block.

        Several agents have a group of tools each, in the place of `settings`.
        `language` is the code of the one in which the user answers questions, if it is known.
        Raises ConfigError for a tool that cannot be made; an MCP server that cannot be reached is
        a warning, its tools are there once it can.
        """
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(task_group())
            toolbox = cls(tasks, report, language)
            stack.callback(toolbox._send.close)
            stack.callback(toolbox.announcements.close)
            toolbox._builtins = Builtins(
                tasks,
                toolbox._send.send_nowait,
                controls,
                lambda: toolbox.confirmation.language,
            )
            try:
                await toolbox.furnish({"": settings} if groups is None else groups)
                yield toolbox
            finally:
                tasks.cancel_scope.cancel()

    async def furnish(self, groups: Mapping[str, Sequence[ToolSettings]]) -> None:
        """Have other tools from now on; servers that are there stay connected.

        Raises ConfigError for a tool that cannot be made; then nothing has changed.
        """
        before, self._tools = self._tools, {group: {} for group in groups}
        servers: list[_Server] = []
        try:
            for entry in _different(entry for entries in groups.values() for entry in entries):
                mine = [g for g, entries in groups.items() for each in entries if each == entry]
                if entry.function is None:
                    known = next((each for each in self._servers if each.entry == entry), None)
                    servers.append(known or _Server(entry))
                    servers[-1].groups = mine
                    tools = servers[-1].tools
                else:
                    tools = [_function(entry.function, entry, self._builtins)]
                for tool, group in product(tools, mine):
                    self.add(tool, group)
        except ConfigError:
            self._tools = before
            raise
        for server in self._servers:
            if server not in servers:
                server.scope.cancel()
        new = [server for server in servers if server not in self._servers]
        self._servers = servers
        if self.group not in groups:
            self.group = next(iter(groups))
        await self._connect(new)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The specifications of the tools, for the model."""
        return tuple(tool.spec for tool in self._used.values())

    @property
    def _used(self) -> dict[str, Tool]:
        return {**self._tools[self.group], **self._offered}

    def offer(self, tools: Sequence[Tool]) -> None:
        """Offer these besides those of the configuration, in the place of those offered before."""
        self._offered = {tool.spec.name: tool for tool in tools}

    def add(self, tool: Tool, group: str = "") -> None:
        """Add a tool. Raises ConfigError if there is one of this name."""
        if tool.spec.name in self._tools[group]:
            raise ConfigError(f"tools: there are two tools of the name {tool.spec.name}")
        self._tools[group][tool.spec.name] = tool

    async def _connect(self, servers: Sequence["_Server"]) -> None:
        """Reach all servers side by side, and wait for them, but not for long."""
        async with anyio.create_task_group() as waiting:
            for server in servers:
                waiting.start_soon(self._wait_for, server)

    async def _wait_for(self, server: "_Server") -> None:
        there = anyio.Event()
        self._tasks.start_soon(self._keep, server, there)
        with anyio.move_on_after(PATIENCE) as patience:
            await there.wait()
        if patience.cancelled_caught:
            self._warn(
                f"the MCP server {server.name} is not there after {PATIENCE:g} s: its tools come "
                "when it is"
            )

    async def _keep(self, server: "_Server", there: anyio.Event) -> None:
        def offer(tools: Sequence[Tool]) -> None:
            server.tools += tools
            for tool, group in product(tools, server.groups):
                try:
                    self.add(tool, group)
                except ConfigError as error:
                    self._warn(f"{error}; that of {server.name} is left out")
            there.set()

        try:
            with server.scope, foreign():
                await McpConnection(server.entry).run(offer)
        except Exception as error:  # noqa: BLE001  (whatever a protocol's package raises)
            cause = only(error)
            known = isinstance(cause, ToolError)
            reason = cause if known else f"the MCP server {server.name} failed: {describe(cause)}"
            self._warn(f"{reason}; the conversation goes on without its tools")
        finally:
            there.set()

    def _warn(self, message: str) -> None:
        self._report(WarningEvent("tools", "tools.mcp", message))

    def start(self, call: ToolCall, turn: int, *, may_ask: bool = True) -> Run:
        """Run a call, or ask about it first, or join the same call where that still runs.

        Not `may_ask`: the reply asks about another call already.
        """
        try:
            with foreign():
                tool, arguments = self._understand(call)
                action = tool.bind(arguments)
                key = (call.name, json.dumps(arguments, sort_keys=True))
                text = tool.question(arguments, self.confirmation.language) if tool.confirm else ""
        except Exception as error:  # noqa: BLE001  (its types may have code of their own)
            call = bounded(call)
            self._report(ToolCalled(turn, call.name, call.arguments))
            told = _error(error)
            self._report(ToolReturned(turn, call.name, call.arguments, told, 0.0, ok=False))
            return Run(result=told)
        running = self._runs.get(key)
        if running is not None and not running.told:
            return running
        if not tool.confirm:
            return self._start(call, key, tool, action, turn)
        if self.confirmation.refused(turn, key):
            return Run(result="not run: the user has just been asked, and did not say yes")
        if not may_ask:
            return Run(result="not run: first the user has to answer about the other call")
        run = Run(Say(text), f"not run yet: the user has been asked '{text}'")
        run.question = Question(call, tool, action, key, text, run.finish)
        return run

    def run_confirmed(self, question: Question, turn: int) -> Run:
        """Run the very call that the user was asked about, and said yes to in `turn`."""
        question.tell(f"not run then: the user was asked '{question.text}', and said yes")
        return self._start(question.call, question.key, question.tool, question.action, turn)

    def _start(
        self, call: ToolCall, key: tuple[str, str], tool: Tool, action: Action, turn: int
    ) -> Run:
        self._runs = {k: r for k, r in self._runs.items() if not r.told}  # nobody shares those
        run = self._runs[key] = Run()
        self._report(ToolCalled(turn, call.name, call.arguments))
        self._tasks.start_soon(self._run, call, run, tool, action, turn)
        return run

    def _understand(self, call: ToolCall) -> tuple[Tool, dict[str, Any]]:
        """The tool and its arguments. Raises ToolError."""
        tool = self._used.get(call.name)
        if tool is None:
            name, there = call.name[:LONGEST_NAME], ", ".join(spec.name for spec in self.specs)
            raise ToolError(f"there is no tool {name}; there are {there}")
        if len(call.arguments) > LONGEST_ARGUMENTS:
            raise ToolError(f"the arguments are longer than {LONGEST_ARGUMENTS} characters")
        try:
            arguments = valid_json(json.loads(call.arguments or "{}"))
        except (ValueError, RecursionError) as error:
            raise ToolError(f"the arguments are not JSON ({error})") from None
        if arguments is None:
            arguments = {}
        if not isinstance(arguments, dict):
            raise ToolError("the arguments are not a JSON object")
        return tool, arguments

    async def _run(self, call: ToolCall, run: Run, tool: Tool, action: Action, turn: int) -> None:
        began = anyio.current_time()
        ok, text = False, "error: it has cancelled itself"
        say: Say | None = None
        try:
            with anyio.move_on_after(tool.timeout) as limit:
                try:
                    with foreign():
                        text, say = await _text(await action(), tool.limit)
                        ok = True
                except Exception as error:  # noqa: BLE001  (P6: it ends itself at most)
                    text = result.cut(_error(error), tool.limit)
            if limit.cancelled_caught:
                text = f"error: no result within {tool.timeout:g} s"
        finally:
            if not self._tasks.cancel_scope.cancel_called:
                ms = round((anyio.current_time() - began) * 1000, 1)
                run.finish(text, say)
                self._report(ToolReturned(turn, call.name, call.arguments, text, ms, ok=ok))


async def _text(given: object, limit: int) -> tuple[str, Say | None]:
    """What the model is shown, and what the user is told."""
    match given:
        case None:
            return "done", None
        case str():
            return result.cut(given, limit), None
        case Say():
            words = result.cut(str(given.text or ""), limit)  # nobody checks a tool's types
            say = replace(given, text=words)
            told = f"done, and the user was told: {words}" if words else "done"
            return result.cut(given.result, limit) or told, say
        case _:
            return await run_in_thread(partial(result.shown, given, limit)), None


def _error(error: Exception) -> str:
    """A failure as the model is told it; our own words need no name of a class."""
    cause = only(error)
    return f"error: {cause if isinstance(cause, ToolError) else describe(cause)}"


def _different(entries: Iterable[ToolSettings]) -> list[ToolSettings]:
    """Each of them once, in their order."""
    different: list[ToolSettings] = []
    for entry in entries:
        if entry not in different:
            different.append(entry)
    return different


def _function(name: str, settings: ToolSettings, builtins: Builtins) -> Tool:
    function = getattr(builtins, name) if name in NAMES else None
    if function is None and ":" not in name:
        raise ConfigError(
            f"tools: '{name}' is neither package.module:function nor built in ({', '.join(NAMES)})"
        )
    try:
        return function_tool(
            function or find_function(name),
            timeout=settings.timeout,
            limit=settings.result_limit,
            confirm=cast("bool | str", settings.confirm),
        )
    except ToolError as error:
        raise ConfigError(f"tools: {error}") from error
