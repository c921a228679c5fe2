"""Configuration files beside a voice: JSON from outside, read within a limit."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from tts.files import read_json
from tts.protocol import TextToSpeechError
from tts.strict import InvalidValueError, check

M = TypeVar("M", bound=BaseModel)


def read_config(path: Path, model: type[M]) -> M:
    """Read a JSON file as `model`. Raises TextToSpeechError that names the file and the field."""
    try:
        return check(model, read_json(path))
    except FileNotFoundError as error:
        raise TextToSpeechError(f"cannot read {path}: {error.strerror}") from None
    except InvalidValueError as error:
        raise TextToSpeechError(f"{path} is not of a voice: {error}") from None
