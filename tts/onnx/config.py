"""Configuration files beside a voice: JSON from outside, read within a limit."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tts.files import open_file
from tts.protocol import TextToSpeechError

MAX_BYTES = 1 << 22

M = TypeVar("M", bound=BaseModel)


def read_config(path: Path, model: type[M]) -> M:
    """Read a JSON file as `model`. Raises TextToSpeechError that names the file and the field."""
    try:
        with open_file(path, MAX_BYTES) as file:
            return model.model_validate_json(file.read(MAX_BYTES))
    except OSError as error:
        reason = error.strerror or error
        raise TextToSpeechError(f"the voice's file {path} cannot be read ({reason})") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise TextToSpeechError(
            f"{path} is not of a voice: {place or 'it'}: {first['msg']}"
        ) from None
