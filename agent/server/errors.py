"""Errors as OpenAI's clients read them: `{"error": {message, type, param, code}}`, everywhere."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.errors import ParleyError

GONE = 499
"""The status for a client that has hung up: nobody sees it."""


class ApiError(ParleyError):
    """What a client asked for cannot be done; the message says what to do."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the error as the body of an answer."""
        ours = self.status >= 500 or self.status == 429
        kind = "server_error" if ours else "invalid_request_error"
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return {"error": error}

    def response(self) -> JSONResponse:
        """Return the error as an answer."""
        return JSONResponse(self.body(), self.status, self.headers)


class ServerBusyError(ApiError):
    """There is no room for one more now; whoever talks is not disturbed."""

    def __init__(self, what: str, *, status: int = 503, retry_s: int = 5) -> None:
        """`status` is 429 for a request, which clients try again by themselves."""
        message = f"{what}; try again in {retry_s} s"
        headers = {"Retry-After": str(retry_s)}
        super().__init__(message, status=status, code="server_busy", headers=headers)


async def on_api_error(_: Request, error: Exception) -> JSONResponse:
    """Answer with an `ApiError`."""
    assert isinstance(error, ApiError)
    return error.response()


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    """Answer with what the framework refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)
    told = {
        404: f"there is nothing at {request.method} {request.url.path}",
        405: f"{request.url.path} does not take {request.method}",
    }
    message = told.get(error.status_code, str(error.detail))
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code)
    headers = error.headers
    return ApiError(message, status=error.status_code, code=code, headers=headers).response()


async def on_gone(_: Request, _error: Exception) -> Response:
    """Answer nobody: the client has hung up while it sent its request."""
    return Response(status_code=GONE)


async def on_defect(_: Request, error: Exception) -> JSONResponse:
    """Answer with a defect of ours, which the log has whole."""
    return ApiError(f"unexpected {type(error).__name__}", status=500, code="internal").response()
