"""Tools of an MCP server, which is started or reached over HTTP, through the `mcp` package."""

import importlib
import os
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from agent.config.tools import ToolSettings
from agent.guards.foreign import describe, only
from agent.guards.text import valid, valid_json
from agent.tools.mcp_stdio import StdioServer
from agent.tools.tool import Action, Tool, ToolError
from llm_adapters import ToolSpec
from tts.extras import pip_install

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult
    from mcp.types import Tool as Listed


CONNECT_TIMEOUT = 5.0
"""Seconds until a server must be connected."""
MOST_TOOLS = 1000
"""Tools of a server: a list that goes on is none."""


class McpConnection:
    """An MCP server, held by a task of its own, and reached again for the next call once it went.

    A call during which it goes is not made again: nobody knows how far it got.
    """

    def __init__(self, settings: ToolSettings) -> None:
        assert settings.mcp is not None
        self._settings = settings
        self._server = settings.mcp
        self._client: Client | None = None
        self._program: StdioServer | None = None
        self._used = False  # the present connection has been
        self._failure = ""
        self._lost = anyio.Event()
        self._wanted = anyio.Event()
        self._attempt: anyio.Event | None = None  # set when a wanted connection is there, or not
        self.name = self._server.title
        """The command or the address, as people know the server."""

    async def run(self, offer: Callable[[list[Tool]], None]) -> None:
        """Keep the server; once it is there, `offer` is given its tools. Raises ToolError.

        The error is that of the first connection; a later one is that of the call it is for.
        """
        async with self._connected() as client:
            offer([self._tool(listed) for listed in await self._list(client)])
            await self._serve(client)
        while True:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            try:
                async with self._connected() as client:
                    await self._serve(client)
            except ToolError as error:
                self._failure = str(error)
                self._settle()

    async def _serve(self, client: "Client") -> None:
        """Let calls use `client` until one of them finds that the server has gone."""
        self._lost = anyio.Event()
        self._client, self._used = client, True
        self._settle()
        try:
            await self._lost.wait()
        finally:
            self._client = None

    def _settle(self) -> None:
        """Whoever waits for a connection need not any longer."""
        if self._attempt is not None:
            self._attempt.set()
            self._attempt = None

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> str:
        from mcp.shared.exceptions import MCPError
        from mcp.types import CONNECTION_CLOSED

        client = await self._reach()
        try:
            result = await client.call_tool(name, dict(arguments))
        except (MCPError, OSError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            if isinstance(error, MCPError) and error.code != CONNECTION_CLOSED:
                raise ToolError(str(error)) from None
            self._lose(client)
            reason = self._program.fault if self._program is not None else ""
            raise ToolError(
                f"the server of this tool went away during the call ({reason or error}): it is not "
                "known whether it was done"
            ) from None
        return _text(result)

    async def _reach(self) -> "Client":
        """A server that is there, connected again if need be. Raises ToolError."""
        if self._client is None:
            if self._attempt is None:
                self._attempt = anyio.Event()
                self._wanted.set()
            await self._attempt.wait()
        if self._client is None:
            raise ToolError(self._failure)
        return self._client

    def _lose(self, client: "Client") -> None:
        if client is self._client:
            self._client = None
            self._lost.set()

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator["Client", None]:
        """The server, greeted. Raises ToolError if it goes before it is used."""
        self._used = False
        try:
            async with AsyncExitStack() as stack:
                made = await self._make(stack)
                yield await stack.enter_async_context(made)
        except Exception as error:  # noqa: BLE001  (whatever a broken transport raises)
            cause = only(error)
            if isinstance(cause, ToolError):
                raise cause from None
            # One that was good ends as its transport likes to: the call has said so.
            if not self._used:
                raise ToolError(self._explain(cause)) from None

    async def _make(self, stack: AsyncExitStack) -> "Client":
        """A client that is not connected yet."""
        try:
            # Half a second of imports.
            mcp = await anyio.to_thread.run_sync(importlib.import_module, "mcp")
        except ImportError as error:
            install = pip_install("parley-voice[mcp]")
            raise ToolError(f"MCP servers need the mcp package ({error}): {install}") from None
        if self._server.command:
            environment = {k: os.environ[k] for k in self._server.environment if k in os.environ}
            self._program = StdioServer(self._server.command, environment)
            transport = self._program.connected()
        else:
            import httpx2
            from mcp.client.streamable_http import streamable_http_client

            from llm_adapters.openai.http import limit

            token = self._server.token
            http = httpx2.AsyncClient(
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=httpx2.Timeout(self._settings.timeout, connect=CONNECT_TIMEOUT),
                event_hooks={"response": [limit]},
            )
            await stack.enter_async_context(http)
            transport = streamable_http_client(str(self._server.url), http_client=http)
        client: Client = mcp.Client(transport, cache=None)
        return client

    async def _list(self, client: "Client") -> "list[Listed]":
        """The tools that are used. Raises ToolError if one of them is not there."""
        found: dict[str, Listed] = {}
        cursor: str | None = None
        while True:
            page = await client.list_tools(cursor=cursor)
            found.update((tool.name, tool) for tool in page.tools)
            if not page.next_cursor or page.next_cursor == cursor:
                break
            if len(found) > MOST_TOOLS:
                raise ToolError(f"{self.name} has more than {MOST_TOOLS} tools, or lists for ever")
            cursor = page.next_cursor
        names = list(found) if self._settings.only is None else self._settings.only
        confirmed = self._settings.confirm if isinstance(self._settings.confirm, list) else []
        if missing := [name for name in (*names, *confirmed) if name not in found]:
            raise ToolError(f"{self.name} has no tool {missing[0]}; it has {', '.join(found)}")
        return [found[name] for name in names]

    def _tool(self, listed: "Listed") -> Tool:
        def bind(arguments: Mapping[str, Any]) -> Action:
            return partial(self._call, listed.name, arguments)

        # Models take only some characters in a name.
        name = re.sub(r"[^\w-]", "_", listed.name, flags=re.ASCII)[:64]
        description = valid(listed.description or "").strip()
        return Tool(
            spec=ToolSpec(name, description, valid_json(listed.input_schema)),
            bind=bind,
            timeout=self._settings.timeout,
            limit=self._settings.result_limit,
            confirm=self._settings.needs_confirmation(listed.name),
        )

    def _explain(self, error: BaseException) -> str:
        """Why there is no connection, with the server's own last words."""
        if isinstance(error, FileNotFoundError):
            return f"the MCP server cannot be started: there is no {self.name.split()[0]}"
        fault, words = "", ""
        if self._program is not None:
            fault, words = self._program.fault, self._program.last_words.strip()
        reason = fault or (words.splitlines()[-1].strip()[:200] if words else describe(error))
        return f"the MCP server {self.name} does not answer: {reason}"


def _text(result: "CallToolResult") -> str:
    """What a call gave, as text. Raises ToolError if the tool says that it failed."""
    import json

    from mcp.types import TextContent

    parts = [
        part.text if isinstance(part, TextContent) else f"[{part.type}]" for part in result.content
    ]
    if not parts and result.structured_content is not None:
        parts = [json.dumps(result.structured_content, ensure_ascii=False)]
    text = "\n".join(parts)
    if result.is_error:
        raise ToolError(text or "it failed without a word")
    return text or "done"
