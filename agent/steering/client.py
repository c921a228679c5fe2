"""The client: sends one request to a running conversation, and waits for its answer."""

import json
import socket
import sys
from contextlib import suppress
from typing import Any

from agent.errors import ParleyError
from agent.steering.place import Instance, instances

LINE = 64 << 10
"""Bytes of an answer, at most."""

PATIENCE = 5.0
"""Seconds in which a conversation must answer what is done at once."""


class NobodyRunsError(ParleyError):
    """There is no conversation to steer."""


def find(name: str | None = None) -> Instance:
    """Return the running conversation of that name or process; without one, the only one.

    Raises NobodyRunsError if there is none, ParleyError if there are several.
    """
    there = running()
    wanted = [each for each in there if name in (None, each.name, str(each.pid))]
    if not wanted:
        what = f"no conversation '{name}' is running" if name else "no conversation is running"
        instead = (
            f"there run {', '.join(map(_called, there))}" if there else "begin one: parley talk"
        )
        raise NobodyRunsError(f"{what}: {instead}")
    if len(wanted) > 1:
        names = ", ".join(map(_called, wanted))
        raise ParleyError(f"several are running, {names}: say which with --to")
    return wanted[0]


def running() -> list[Instance]:
    """Return all that run."""
    return [each for each in instances() if runs(each)]


def runs(instance: Instance) -> bool:
    """Whether it can be reached."""
    if sys.platform == "win32":
        from agent.steering import pipe

        return pipe.reachable(instance.address)
    with suppress(OSError), _connected(instance):
        return True
    return False


def send(instance: Instance, request: dict[str, Any], *, patient: bool = False) -> dict[str, Any]:
    """Return the answer to a request. `patient`: it comes when something has been said.

    Raises ParleyError when there is none.
    """
    try:
        line = _exchange(instance, json.dumps(request).encode(), None if patient else PATIENCE)
        answer: dict[str, Any] = json.loads(line)
    except (OSError, ValueError) as error:
        raise ParleyError(f"{_called(instance)} does not answer: {error}") from error
    return answer


def _exchange(instance: Instance, request: bytes, patience: float | None) -> bytes:
    if sys.platform == "win32":
        from agent.steering import pipe

        return pipe.exchange(instance.address, request, patience)
    with _connected(instance) as connection:
        connection.sendall(request + b"\n")
        connection.settimeout(patience)
        return _line(connection)


def _connected(instance: Instance) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    try:
        connection.connect(instance.address)
    except OSError:
        connection.close()
        raise
    return connection


def _line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        if not (data := connection.recv(LINE)) or len(line) > LINE:
            raise OSError("it has closed the connection")
        line += data
    return line


def _called(instance: Instance) -> str:
    return f"{instance.name} (process {instance.pid})"
