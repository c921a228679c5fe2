"""The bodies of requests: read within a limit, declared as models, refused in OpenAI's words."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from agent.server.errors import ApiError

M = TypeVar("M", bound=BaseModel)


async def read_body(request: Request, most: int) -> bytes:
    """Read a body of at most `most` bytes. Raises ApiError."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > most:
            message = f"the request is longer than {most >> 10} KiB"
            raise ApiError(message, status=413, code="request_too_large")
    return body


async def read_form(
    request: Request, most: int, *, files: int, fields: int, field: int
) -> FormData:
    """Read a form of at most `most` bytes, each field of it of at most `field`. Raises ApiError.

    Files of it are kept on the disk, and gone when the form is closed.
    """
    too_large = ApiError(
        f"the request is larger than {most >> 20} MiB: compress or cut it",
        status=413,
        code="file_too_large",
        param="file",
    )
    length = request.headers.get("content-length", "")
    left = most - (int(length) if length.isdecimal() else 0)

    async def counted() -> Message:
        nonlocal left
        message = await request.receive()
        left -= 0 if length else len(message.get("body", b""))
        if left < 0:
            raise too_large
        return message

    if left < 0:
        raise too_large
    try:
        body = Request(request.scope, counted)
        return await body.form(max_files=files, max_fields=fields, max_part_size=field)
    except HTTPException as error:
        raise ApiError(str(error.detail), code="invalid_form") from None
    except MultiPartException as error:
        raise ApiError(error.message, code="invalid_form") from None


def parse(model: type[M], body: bytes) -> M:
    """Read a JSON body as `model`. Raises ApiError, which names the parameter."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise refusal(error) from None


def refusal(error: ValidationError) -> ApiError:
    """Return the first thing that is wrong, in the protocol's shape."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    param = ".".join(map(str, problem["loc"])) or None
    code = {"missing": "missing_required_parameter", "json_invalid": "invalid_json"}
    message = problem["msg"][:1].lower() + problem["msg"][1:]
    told = f"{param}: {message}" if param else message
    return ApiError(told, code=code.get(problem["type"], "invalid_value"), param=param)
