"""An MCP server on stdin and stdout whose tools write what nobody has asked for."""

import os
import sys

from mcp.server import MCPServer

server = MCPServer("flood")
WIRE = os.dup(1)  # the package keeps what is printed from it


def write(descriptor: int, block: bytes, times: int) -> None:
    """Write `block` so many times, or as long as somebody reads."""
    for _ in range(times):
        os.write(descriptor, block)


@server.tool()
def endless_line() -> str:
    """Write a line that does not end."""
    write(WIRE, b"z" * 65536, 10**9)
    return "never"


@server.tool()
def endless_noise() -> str:
    """Write lines that are no messages."""
    write(WIRE, b"not a message\n" * 1000, 10**9)
    return "never"


@server.tool()
def some_noise() -> str:
    """Write some of them."""
    write(WIRE, b"not a message\n" * 1000, 10)
    return "heard"


@server.tool()
def complaints() -> str:
    """Write a lot to stderr."""
    write(2, b"this is bad\n" * 5000, 1000)
    return "heard"


@server.tool()
def text(size: int) -> str:
    """A text of this size."""
    return '"z\n' * (size // 3)


@server.tool()
def pid() -> int:
    """Who runs."""
    return os.getpid()


if __name__ == "__main__":
    if sys.argv[1:] == ["at once"]:
        write(WIRE, b"z" * 65536, 10**9)
    server.run()
