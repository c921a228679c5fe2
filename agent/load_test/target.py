"""The server that is tested: its address, its key, its certificate, and what it says of itself.

Its client is asyncio's, as the server is.
"""

import json
import re
import ssl
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from agent.errors import ParleyError
from agent.guards.secrets import learn

if TYPE_CHECKING:
    import httpx2

PATIENCE = 10.0
"""Seconds in which a server must answer a request, or take a connection."""
LARGEST = 16 << 20
"""Bytes of an event."""
_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_PROCESSOR = re.compile(r"^parley_processor_seconds_total (\S+)$", re.MULTILINE)


class TargetError(ParleyError):
    """The server cannot be talked with, or not any more; the message says why."""


class Line:
    """A line to the server, on which one conversation is held."""

    def __init__(self, socket: ClientConnection, target: "Target") -> None:
        self._socket = socket
        self._told = target.told

    async def send(self, frame: str) -> None:
        """Send an event. Raises TargetError."""
        with self._told():
            await self._socket.send(frame)

    async def receive(self) -> dict[str, Any]:
        """Return the server's next event. Raises TargetError."""
        with self._told():
            event = json.loads(await self._socket.recv())
        return event if isinstance(event, dict) else {}


class Target:
    """A server with OpenAI's Realtime protocol at `address`, such as `http://127.0.0.1:8765`."""

    def __init__(self, address: str, *, key: str = "", certificate: Path | None = None) -> None:
        """`certificate`: a file with one to be trusted. Raises TargetError."""
        self.address, self.host = _parse(address)
        learn(key)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._tls = None if self.address.startswith("http:") else _trusting(certificate)

    async def check(self) -> None:
        """Raise TargetError if nobody is there, it is still loading, or the key is wrong."""
        async with self._client() as client:
            ready = await client.get("/readyz")
            if ready.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
                raise TargetError(f"{self.address} is not ready ({_why(ready.text)}): try later")
            models = await client.get("/v1/models")
        if models.is_error:
            raise TargetError(self._refused(models.status_code, models.text))

    async def processor_seconds(self) -> float | None:
        """Return the processor time that the server has taken; None where it does not say.

        Raises TargetError.
        """
        async with self._client() as client:
            answer = await client.get("/metrics")
        found = None if answer.is_error else _PROCESSOR.search(answer.text)
        return float(found[1]) if found else None

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line, None]:
        """Open a line for the length of a block. Raises TargetError."""
        with self.told():
            socket = await connect(
                f"{self.address.replace('http', 'ws', 1)}/v1/realtime",
                additional_headers=self._headers,
                ssl=self._tls,
                compression=None,
                proxy=None,
                open_timeout=PATIENCE,
                close_timeout=PATIENCE,
                max_size=LARGEST,
            )
        async with socket:
            yield Line(socket, self)

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator["httpx2.AsyncClient", None]:
        import httpx2

        from stt.http import limited_client

        try:
            async with limited_client(
                base_url=self.address,
                headers=self._headers,
                verify=self._tls or True,
                timeout=PATIENCE,
                trust_env=False,
            ) as client:
                yield client
        except httpx2.TimeoutException:
            raise TargetError(f"{self.address} does not answer") from None
        except httpx2.HTTPError as error:
            raise TargetError(self._unreachable(error)) from None

    @contextmanager
    def told(self) -> Generator[None]:
        """Whatever is wrong between us and the server is a TargetError, in one line."""
        try:
            yield
        except InvalidStatus as error:
            body = (error.response.body or b"").decode(errors="replace")
            raise TargetError(self._refused(error.response.status_code, body)) from None
        except ConnectionClosed as error:
            why = error.rcvd.reason if error.rcvd else ""
            raise TargetError(f"{self.address} has gone{f' ({why})' if why else ''}") from None
        except TimeoutError:
            raise TargetError(f"{self.address} does not answer") from None
        except ValueError:
            raise TargetError(f"{self.address} sends what is no JSON") from None
        except (OSError, InvalidHandshake, InvalidURI) as error:
            raise TargetError(self._unreachable(error)) from None

    def _refused(self, status: int, body: str) -> str:
        if status == HTTPStatus.UNAUTHORIZED:
            return f"{self.address} refuses the key: --api-key, or PARLEY_API_KEY"
        if status == HTTPStatus.NOT_FOUND:
            return f"{self.address} is no such server: there is nothing at /v1"
        return f"{self.address} refuses ({status}): {_why(body)}"

    def _unreachable(self, error: Exception) -> str:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLError):
            cause = cause.__cause__ or cause.__context__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"{self.address}: its certificate is not trusted ({cause.verify_message}): "
                "--tls-cert FILE trusts one of your own"
            )
        if cause is not None:
            return f"{self.address} speaks no TLS that we know ({cause}): is it http?"
        reason = " ".join(str(error).split())
        return f"{self.address} cannot be reached ({reason}): does a server run there?"


def _parse(address: str) -> tuple[str, str]:
    """The address without a path, and the host in it. Raises TargetError."""
    wrong = f"{address} is no address of a server: give one like http://127.0.0.1:8765"
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port
    except ValueError:
        raise TargetError(wrong) from None
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.username is not None:
        raise TargetError(wrong)
    if parts.path.rstrip("/") not in ("", "/v1", "/v1/realtime") or parts.query:
        raise TargetError(wrong)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{_SCHEMES[parts.scheme]}://{host}{'' if port is None else f':{port}'}", parts.hostname


def _trusting(certificate: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=certificate)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TargetError(f"{certificate} is no certificate in PEM form ({reason})") from None


def _why(body: str) -> str:
    """What an answer says is wrong, in a line."""
    told: Any = body
    try:
        told = json.loads(body)
        told = told.get("error") or told.get("reason") or told.get("status")
        told = f"{told['code']}: {told['message']}" if isinstance(told, dict) else told
    except (ValueError, KeyError, AttributeError):
        pass
    return " ".join(str(told).split())[:200]
