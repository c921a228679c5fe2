"""Errors of an OpenAI-compatible endpoint: what went wrong in one line, and what to do."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llm_adapters.openai.refusal import Refusal, find_refusal
from llm_adapters.protocol import LanguageModelError

if TYPE_CHECKING:
    from openai import APIStatusError

PASSING_STATUS = {408, 409, 429}
"""Client errors that may be gone a moment later, as every 5xx may."""
_TOO_MUCH = re.compile(r"too large|must be reduced", re.IGNORECASE)
"""How a limit of requests says that this one is beyond it."""


class RequestError(LanguageModelError):
    """Failure of a request; `passes` says that trying again may help.

    `retry_after` is how many seconds the server asked to wait, None where it did not; `refusal` is
    what it had against the request itself.
    """

    def __init__(
        self,
        message: str,
        *,
        passes: bool = False,
        retry_after: float | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        super().__init__(message)
        self.passes = passes
        self.retry_after = retry_after
        self.refusal = refusal or Refusal()


class EmptyReplyError(RequestError):
    """Failure of a reply that holds nothing to say."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Address of the requests, which puts their failures into words.

    What it writes never holds the key, nor a password in the URL.
    """

    url: str
    model: str
    key: str = field(repr=False)
    log: str = "look at the server's log"
    """Where more is to be read."""

    @property
    def address(self) -> str:
        """The URL as it may be shown."""
        parts = urlsplit(self.url)
        return parts._replace(
            netloc=parts.netloc.rpartition("@")[2], path=parts.path.rstrip("/"), query=""
        ).geturl()

    def quote(self, text: str) -> str:
        """Words of the server, on one short line."""
        if self.key:
            text = text.replace(self.key, "***")
        line = " ".join(text.split())
        return line if len(line) <= 200 else line[:199] + "…"

    def web_page(self) -> RequestError:
        """The answer to a wrong path, from a server that also serves a site."""
        return RequestError(
            f"{self.address} answered with a web page: is llm.base_url right? "
            "It usually ends in /v1"
        )

    def bad_reply(self, words: str, refusal: Refusal | None = None) -> RequestError:
        """An answer that is no chat completion; `words` complete "the endpoint …"."""
        return RequestError(f"{self.address} {self.quote(words)}", refusal=refusal)

    def endless_reply(self, most: int) -> RequestError:
        """A reply that is longer than anybody listens to."""
        return RequestError(
            f"{self.address} did not end its reply (over {most:,} characters): set llm.max_tokens"
        )

    def empty_reply(self, finish: str | None) -> EmptyReplyError:
        """An answer without a word; `finish` is the reason that it gives."""
        if finish == "length":
            return EmptyReplyError(
                f"empty reply from {self.address}: the model used up all its tokens before it "
                "said a word, raise llm.max_tokens"
            )
        why = f" ({finish})" if finish not in {None, "stop"} else ""
        return EmptyReplyError(f"empty reply from {self.address}{why}: {self.log}")

    def broken_off(self) -> RequestError:
        """A connection that was lost after the first word."""
        return RequestError(f"{self.address} broke off in the middle of its reply: {self.log}")

    def explain(self, error: Exception, *, begun: bool) -> RequestError:
        """The meaning of what the client raised; `begun` once text of the reply has come."""
        import openai

        from llm_adapters.openai.http import OversizeError

        if isinstance(error, openai.APIStatusError):
            return self._status(error)
        if isinstance(error, openai.APITimeoutError):
            return RequestError(
                f"no connection to {self.address} in time (llm.connect_timeout): "
                "check llm.base_url and the network"
            )
        for cause in causes(error):
            if isinstance(cause, OversizeError):
                return RequestError(
                    f"{self.address} {cause}: is llm.base_url right? Look at the server's log"
                )
        return self.broken_off() if begun else self._connection(error)

    def _connection(self, error: Exception) -> RequestError:
        """No answer at all: what the lower layers say it came from."""
        for cause in causes(error):
            if isinstance(cause, socket.gaierror):
                host = urlsplit(self.url).hostname
                return RequestError(
                    f"the host {host} is not known: check llm.base_url and the network"
                )
            if isinstance(cause, ssl.SSLError):
                return RequestError(
                    f"no secure connection to {self.address} ({self.quote(str(cause))}): "
                    "check its certificate and the https:// of llm.base_url"
                )
            if isinstance(cause, ConnectionRefusedError):
                return RequestError(
                    f"nothing answers at {self.address}: start the server or set llm.base_url",
                    passes=True,
                )
        return RequestError(
            f"{self.address} closed the connection before its reply: {self.log}",
            passes=True,
        )

    def _status(self, error: "APIStatusError") -> RequestError:
        """An answer that is a refusal: what its status and the server's own words say."""
        status = error.status_code
        detail = self._detail(error)
        if status == 401:
            return RequestError(
                f"{self.address} does not accept the API key: set OPENAI_API_KEY or llm.api_key"
            )
        if status == 403:
            return RequestError(
                f"{self.address} forbids this: {detail}: check what the API key may do"
            )
        if status in {404, 405}:
            return RequestError(
                f"{self.address} has no model {self.model!r} or no chat: {detail}: check "
                "llm.model and llm.base_url, which usually ends in /v1"
            )
        if error.code == "insufficient_quota":
            return RequestError(f"{self.address}: the account has no credit left: {detail}")
        if status == 429:
            message = f"{self.address} gets too many requests: {detail}: try again later"
            if not _TOO_MUCH.search(detail):
                detail = ""  # nothing against this request
        elif status >= 500:
            message = f"{self.address} failed ({status}): {detail}: {self.log}"
        else:
            message = f"{self.address} rejects the request ({status}): {detail}"
        return RequestError(
            message,
            passes=status in PASSING_STATUS or status >= 500,
            retry_after=waiting_time(error.response.headers),
            refusal=self._refusal(error, detail),
        )

    def _refusal(self, error: "APIStatusError", words: str) -> Refusal:
        body = error.body if isinstance(error.body, dict) else {}
        found = find_refusal(body, surely=True) or Refusal()
        return Refusal(words, found.codes, error.status_code)

    def _detail(self, error: "APIStatusError") -> str:
        """The server's own words, wherever it put them."""
        words: object = error.body
        if isinstance(words, dict):
            words = next((words[k] for k in ("message", "detail", "error") if k in words), words)
        text = str(words or "").strip()
        if text.startswith("<"):
            return "a web page"
        return self.quote(text) or "no reason given"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it came from, outermost first."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from causes(part)
    cause = error.__cause__ or error.__context__
    if cause is not None:
        yield from causes(cause)


def waiting_time(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for; None where there is none, or nonsense.

    A date is one by the server's own clock.
    """
    header = headers.get("retry-after", "")
    try:
        wait = float(header)
    except ValueError:
        try:
            then, now = map(parsedate_to_datetime, (header, headers.get("date", "")))
            wait = (then - now).total_seconds()
        except (TypeError, ValueError):
            return None
    return wait if wait >= 0 else None
