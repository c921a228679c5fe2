"""A hub of models on loopback: what `huggingface_hub` asks of the real one, with files of ours."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """A hub that is running: `HF_ENDPOINT` for a process that is to use it, and what it did."""

    endpoint: str
    files: dict[str, bytes]
    """By `owner/name/path`."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Files that were fetched, with the `Range` header."""
    break_off: int | None = None
    """Bytes after which the next transfer breaks off, once."""


@contextmanager
def hub_server(files: Mapping[str, bytes]) -> Iterator[Hub]:
    """Serve repositories, given as `owner/name/path` → content, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            path = self.path.partition("?")[0].strip("/")
            repository = "/".join(path.removeprefix("api/models/").split("/")[:2])
            if not self._names(repository):
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if match := re.fullmatch(r"api/models/([^/]+/[^/]+)(?:/revision/.+)?", path):
                self._json(self._info(match[1]))
            elif match := re.fullmatch(r"api/models/([^/]+/[^/]+)/tree/.+", path):
                self._json(self._tree(match[1]))
            elif match := re.fullmatch(r"([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
                self._file(f"{match[1]}/{match[2]}", body=body)
            else:
                self.send_error(404)

        def _names(self, repository: str) -> list[str]:
            prefix = repository + "/"
            return [name[len(prefix) :] for name in hub.files if name.startswith(prefix)]

        def _info(self, repository: str) -> object:
            siblings = [{"rfilename": name} for name in self._names(repository)]
            return {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings}

        def _tree(self, repository: str) -> object:
            return [
                {"type": "file", "path": name, "size": len(data), "oid": _sha256(data)[:40]}
                for name in self._names(repository)
                for data in [hub.files[f"{repository}/{name}"]]
            ]

        def _json(self, value: object) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def _file(self, name: str, *, body: bool) -> None:
            if name not in hub.files:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            data, wanted = hub.files[name], self.headers.get("Range")
            start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
            self.send_response(206 if wanted else 200)
            self.send_header("ETag", f'"{_sha256(data)}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("X-Linked-Size", str(len(data)))
            self.send_header("Content-Length", str(len(data) - start))
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            if not body:
                return
            hub.asked.append((name, wanted))
            if hub.break_off is not None and len(data) > hub.break_off:
                self.wfile.write(data[start : start + hub.break_off])
                hub.break_off = None
                self.close_connection = True
                return
            self.wfile.write(data[start:])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub = Hub(f"http://127.0.0.1:{server.server_address[1]}", dict(files))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def use_hub(monkeypatch: pytest.MonkeyPatch, hub: Hub, cache: Path) -> None:
    """Let the hub's library look for `hub` in this process, with an empty cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    template = hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
