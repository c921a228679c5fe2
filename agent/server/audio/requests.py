"""The bodies of requests: read within a limit, declared as models, refused in OpenAI's words."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

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
