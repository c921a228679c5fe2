"""A real MCP server, a program of its own: on stdin and stdout, or with `http` over HTTP.

Over HTTP it prints the port that it listens on. With a port it takes that one.
"""

import os
import socket
import sys

import anyio
import uvicorn
from mcp.server import MCPServer

server = MCPServer("test")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool(name="to.upper")
def upper(text: str) -> str:
    """Raise the voice."""
    return text.upper()


@server.tool()
def fail() -> str:
    """Never works."""
    raise ValueError("the house is on fire")


@server.tool()
def environment(name: str) -> str:
    """What a variable is set to."""
    return os.environ.get(name, "not set")


@server.tool()
async def hang(place: str) -> str:
    """Say to `place` who is running, and never return."""
    await anyio.Path(place).write_text(str(os.getpid()))
    await anyio.sleep_forever()
    return "never"


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0))
            listener.listen()
            print(listener.getsockname()[1], flush=True)
            config = uvicorn.Config(server.streamable_http_app(), log_config=None)
            uvicorn.Server(config).run([listener])
    else:
        server.run()
