"""What `parley serve` needs: its packages, a port that is free, keys that are keys, a folder."""

import os
import socket
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import anyio.to_thread

from agent.config.load import Config
from agent.doctor.finding import Finding
from tts.extras import NAME, pip_install

PORT = 8765
"""Where it listens unless it is told otherwise."""
PACKAGES = ("starlette", "uvicorn", "websockets", "python-multipart", "prometheus-client", "aiortc")


async def server(config: Config) -> list[Finding]:
    """Whether the server could start; none is needed to talk at this computer."""
    return await anyio.to_thread.run_sync(_look, config)


def _look(config: Config) -> list[Finding]:
    missing = [name for name in PACKAGES if not _installed(name)]
    if missing:
        detail = f"parley serve needs {', '.join(missing)}"
        return [Finding("note", "server", detail, pip_install(f"{NAME}[server]"))]
    findings = [_port()]
    if config.server.record is not None:
        findings.append(_folder(Path(config.server.record).expanduser()))
    return findings


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _port() -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError as error:
            detail = f"installed; port {PORT} is not free ({error.strerror})"
            return Finding("note", "server", detail, "parley serve --port chooses another")
    return Finding("ok", "server", f"installed; port {PORT} is free")


def _folder(folder: Path) -> Finding:
    """The folder for recordings, or the nearest above it that is there."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Finding("ok", "server.record", f"conversations are recorded in {folder}")
    fix = "server.record: a folder that you may write to, or null"
    return Finding("missing", "server.record", f"{folder} cannot be written", fix)
