"""Who may come in: keys, short-lived keys, and web pages of which origins.

Without a key the server is this computer's alone: what a browser sends here from a page of
somebody else's (another origin, or a name that was made to point here) is refused.
"""

import ipaddress
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.errors import ConfigError
from agent.guards.secrets import learn
from agent.server.errors import ApiError

SHORTEST_KEY = 16
"""Characters below which a key can be guessed."""
MAX_SECRETS = 10_000
"""Short-lived keys at a time; the oldest go first."""
SUBPROTOCOL = "openai-insecure-api-key."
"""What a browser puts before the key, for it cannot send headers with a WebSocket."""
OPEN = ("/", "/favicon.ico", "/parley.js", "/healthz", "/readyz")
"""Paths that hold nothing of anybody's; the page's own files, too."""
OPEN_FOLDER = "/page/"


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A short-lived key, and the session that a connection opened with it begins with."""

    value: str
    expires_at: float
    """On the clock of `anyio.current_time()`."""
    session: Mapping[str, Any]


@dataclass(slots=True)
class Keys:
    """The keys that are right, and the short-lived ones that were given out."""

    keys: tuple[str, ...] = ()
    _secrets: dict[str, ClientSecret] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in self.keys:
            learn(key)

    def right(self, key: str | None) -> bool:
        """Whether it opens everything; without any configured key every key does."""
        given = (key or "").encode()
        # All are compared, each in the same time.
        same = [secrets.compare_digest(given, each.encode()) for each in self.keys]
        return not same or True in same

    def give_out(self, seconds: float, session: Mapping[str, Any]) -> ClientSecret:
        """Make a short-lived key for a session."""
        self._forget_expired()
        value = f"ek_{secrets.token_urlsafe(32)}"
        secret = ClientSecret(value, anyio.current_time() + seconds, session)
        self._secrets[value] = secret
        return secret

    def secret(self, key: str | None) -> ClientSecret | None:
        """Return what a short-lived key stands for; None for one that there is not (any more)."""
        self._forget_expired()
        return self._secrets.get(key or "")

    def _forget_expired(self) -> None:
        now = anyio.current_time()
        values = list(self._secrets.values())
        left = [each for each in values if each.expires_at > now][-MAX_SECRETS:]
        if len(left) < len(values):
            self._secrets = {each.value: each for each in left}


def read_keys(given: Iterable[str], file: Path | None) -> tuple[str, ...]:
    """Return the keys given and those of a file, one a line. Raises ConfigError."""
    keys = [key.strip() for key in given if key.strip()]
    if file is not None:
        try:
            if file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
                raise ConfigError(f"{file} may be read by others: chmod 600 {file}")
            lines = file.read_text("utf-8").splitlines()
        except OSError as error:
            raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{file} is no list of keys: it is not UTF-8") from None
        keys += [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if not keys:
            raise ConfigError(f"{file} has no key in it: write one on a line of its own")
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise ConfigError(f"a key of less than {SHORTEST_KEY} characters can be guessed: longer")
    return tuple(keys)


def key_of(headers: Headers) -> str | None:
    """Return the key of a request: a bearer's, or the one among a WebSocket's subprotocols."""
    kind, _, key = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and key.strip():
        return key.strip()
    offered = (each.strip() for each in headers.get("sec-websocket-protocol", "").split(","))
    return next(
        (each.removeprefix(SUBPROTOCOL) for each in offered if each.startswith(SUBPROTOCOL)), None
    )


class Gate:
    """Gate in front of an application: it lets in who may come in, and answers all others."""

    def __init__(self, app: ASGIApp, keys: Keys, origins: Iterable[str], hosts: set[str]) -> None:
        """`origins` may send requests from their pages; `hosts` are this server's own names."""
        self._app = app
        self._keys = keys
        self._origins = {each.rstrip("/").lower() for each in origins}
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or not."""
        if scope["type"] in ("http", "websocket"):
            problem = self._problem(scope)
            if problem is not None:
                await _refuse(scope, receive, send, problem)
                return
        await self._app(scope, receive, send)

    def _problem(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        path = scope["path"]
        if scope.get("method") == "OPTIONS" or path in OPEN or path.startswith(OPEN_FOLDER):
            return None
        key = key_of(headers)
        if self._keys.keys:
            if self._keys.right(key) or self._opens_session(path, key):
                return None
            message = "the key is missing or wrong: send Authorization: Bearer KEY"
            challenge = {"WWW-Authenticate": "Bearer"}
            return ApiError(message, status=401, code="invalid_api_key", headers=challenge)
        return self._foreign(headers)

    def _opens_session(self, path: str, key: str | None) -> bool:
        """A short-lived key is good for sessions alone."""
        return path.startswith("/v1/realtime") and self._keys.secret(key) is not None

    def _foreign(self, headers: Headers) -> ApiError | None:
        """A browser's request from a page of another origin, or by a name that is not ours."""
        origin, host = headers.get("origin"), headers.get("host", "")
        if origin is not None and "*" not in self._origins:
            same = urlsplit(origin).netloc.lower() == host.lower()
            if not same and origin.rstrip("/").lower() not in self._origins:
                message = (
                    f"pages of {origin} may not talk to this server: list it in server.origins"
                )
                return ApiError(message, status=403, code="origin_not_allowed")
        if self._hosts and _name(host) not in self._hosts and not _is_loopback(_name(host)):
            message = f"this server is not called {_name(host)}"
            return ApiError(message, status=403, code="host_not_allowed")
        return None


def _name(host: str) -> str:
    """A host's name without its port."""
    return (urlsplit(f"//{host}").hostname or "").lower()


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether an address to listen at is of this computer alone."""
    return _is_loopback(host.lower().strip("[]"))


async def _refuse(scope: Scope, receive: Receive, send: Send, problem: ApiError) -> None:
    """Answer with an error; a WebSocket before its upgrade."""
    if scope["type"] == "http":
        await problem.response()(scope, receive, send)
        return
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": str(problem)[:120]})
        return

    async def as_http(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    await problem.response()({**scope, "type": "http", "method": "GET"}, receive, as_http)
