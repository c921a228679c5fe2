"""A stranger's `config.json` of a codec: every key of its configuration, with kinds and limits."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, create_model

from tts.files import inside, read_json
from tts.protocol import TextToSpeechError
from tts.strict import InvalidValueError, Strict, check

Config = TypeVar("Config")
Needs = Callable[[Config, Mapping[str, Any]], Iterable[tuple[str, bool]]]
"""What the layers compute, and whether a configuration asks for that."""

Count = Annotated[int, Field(gt=0, le=1 << 20)]
Ratios = Annotated[list[Annotated[int, Field(gt=0, le=1 << 10)]], Field(min_length=1, max_length=8)]
Number = Annotated[float, Field(gt=0, le=1e9)]
KINDS: dict[Any, Any] = {int: Count, float: Number, list[int]: Ratios, bool: bool, str: str}


def document(config: type[Any], **others: Any) -> type[BaseModel]:
    """Describe the file of a configuration, a dataclass, with `others` of its keys."""
    keys: dict[str, Any] = {each.name: (KINDS[each.type] | None, None) for each in fields(config)}
    return create_model("Document", __base__=Strict, **keys, **others)


def parse(
    folder: Path,
    codec: str,
    shape: type[BaseModel],
    from_json: Callable[[Mapping[str, Any]], Config],
    needs: Needs[Config],
) -> Config:
    """Read and check a folder's `config.json`, of the `codec` of that name.

    Raises TextToSpeechError.
    """
    path = inside(folder, "config.json")
    kind = codec.lower()
    try:
        data = read_json(path)
    except FileNotFoundError:
        raise TextToSpeechError(f"{folder} is no {codec} codec: it has no config.json") from None
    if not isinstance(data, dict) or data.get("model_type") != kind:
        raise TextToSpeechError(f"{path} does not describe a {codec} codec (model_type {kind})")
    try:
        check(shape, data)
        config = from_json(data)
        lacking = [need for need, given in needs(config, data) if not given]
        problem = f"it needs {', '.join(lacking)}" if lacking else ""
    except InvalidValueError as fault:
        problem = f"its {fault.key} is {fault.value}: it {fault.why}"
    if problem:
        raise TextToSpeechError(f"{path} describes a codec Parley has not: {problem}")
    return config
