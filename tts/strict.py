"""What strangers' files say, checked by pydantic: the first thing that is wrong, in one line.

Dia2 imports it where such a file is read: nothing else of it needs more than torch, numpy and
safetensors.
"""

import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tts.files import one_line, read_json
from tts.protocol import TextToSpeechError

_Model = TypeVar("_Model", bound=BaseModel)
_Value = TypeVar("_Value")


class Strict(BaseModel):
    """An object whose keys are declared with their kinds and limits; others are not looked at."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class InvalidValueError(TextToSpeechError):
    """What is wrong: a `key` (dotted; of a list's entry, the list's), its `value`, and why."""

    def __init__(self, key: str, value: str, why: str) -> None:
        self.key, self.value, self.why = key, value, why
        super().__init__(f"{key}: {why}, not {value}" if value else f"{key}: {why}")


def check(model: type[_Model], data: object) -> _Model:
    """Check data against a model. Raises InvalidValueError."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    key = one_line(".".join(each for each in first["loc"] if isinstance(each, str)))
    if first["type"] == "missing":
        raise InvalidValueError(key, "", "missing")
    key = key or "it"
    value = "" if first["type"].startswith("too_") else reprlib.repr(first["input"])
    why = first["msg"].replace("Input should be", "must be").replace("Value error, ", "")
    raise InvalidValueError(key, value, why[:1].lower() + why[1:])


def read_checked(path: Path, checked: Callable[[object], _Value]) -> _Value:
    """Return what `checked` makes of a JSON file; it may raise InvalidValueError.

    Raises TextToSpeechError naming the file and the key.
    """
    try:
        data = read_json(path)
    except FileNotFoundError as error:
        raise TextToSpeechError(f"cannot read {path}: {error.strerror}") from None
    try:
        return checked(data)
    except InvalidValueError as fault:
        raise TextToSpeechError(f"{path}: {fault}") from None
