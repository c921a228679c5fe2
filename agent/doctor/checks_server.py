"""What `parley serve` needs: its packages, a port that is free, a certificate, a folder."""

import os
import socket
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import anyio.to_thread

from agent.config.load import Config
from agent.doctor.certificate import SUBJECT, examine
from agent.doctor.finding import Finding
from tts.extras import NAME, pip_install

PACKAGES = ("starlette", "uvicorn", "websockets", "python-multipart", "prometheus-client", "aiortc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server listens: port 0 is any that is free; with a certificate it speaks TLS."""

    host: str = "127.0.0.1"
    port: int = 8765
    tls_cert: Path | None = None
    tls_key: Path | None = None


async def server(config: Config, address: Address = Address()) -> list[Finding]:
    """Whether the server could start; none is needed to talk at this computer."""
    return await anyio.to_thread.run_sync(_look, config, address)


def _look(config: Config, address: Address) -> list[Finding]:
    missing = [name for name in PACKAGES if not _installed(name)]
    if missing:
        detail = f"parley serve needs {', '.join(missing)}"
        return [Finding("note", "server", detail, pip_install(f"{NAME}[server]"))]
    findings = [_port(address)]
    cert, key = address.tls_cert, address.tls_key
    if cert is not None and key is not None:
        findings += examine(cert, key, address.host)
    elif cert is not None or key is not None:
        fix = "give both of --tls-cert and --tls-key"
        findings.append(Finding("missing", SUBJECT, "a certificate needs its key", fix))
    if config.server.record is not None:
        findings.append(_folder(Path(config.server.record).expanduser()))
    return findings


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _port(address: Address) -> Finding:
    host, port = address.host, address.port
    where = f"port {port}" if host == Address().host else f"{host} port {port}"
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[
            0
        ]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except (OSError, UnicodeError) as error:
        detail = f"installed; {where} is not free ({getattr(error, 'strerror', None) or error})"
        return Finding("note", "server", detail, "parley serve --port chooses another")
    return Finding("ok", "server", f"installed; {where} is free")


def _folder(folder: Path) -> Finding:
    """The folder for recordings, or the nearest above it that is there."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Finding("ok", "server.record", f"conversations are recorded in {folder}")
    fix = "server.record: a folder that you may write to, or null"
    return Finding("missing", "server.record", f"{folder} cannot be written", fix)
