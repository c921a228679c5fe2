"""What pydantic finds wrong with a configuration, told to the person who wrote the file."""

import re
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent.config.engines import FAMILIES, EngineSection
from agent.config.yaml_source import MAX_TOLD, KeyPath, Source
from agent.errors import ConfigError, did_you_mean
from agent.guards.secrets import is_secret, redact


def report(error: ValidationError, source: Source, config: type[BaseModel]) -> None:
    """Note every problem of `error` in `source`, one a key; `config` knows the valid keys."""
    problems: dict[KeyPath, list[ErrorDetails]] = {}
    for details in error.errors():
        path = _in_file(details, source.data)
        problems.setdefault(path, []).append(details)
    in_order = sorted(problems, key=source.place)
    for path in in_order[:MAX_TOLD]:
        source.report(path, _explain(path, problems[path], source, config))
    source.untold = len(in_order[MAX_TOLD:])


def _in_file(details: ErrorDetails, data: Any) -> KeyPath:
    """The key a problem belongs to: its location without pydantic's own marks for unions."""
    path: KeyPath = ()
    for part in details["loc"]:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return details["loc"] if details["type"] == "missing" else path
        path = (*path, part)
    return path


def _explain(
    path: KeyPath, found: list[ErrorDetails], source: Source, config: type[BaseModel]
) -> str:
    kind = found[0]["type"]
    if kind == "extra_forbidden":
        return "unknown key" + _nearest_key(path, source.data, config)
    if kind == "missing":
        return "is required"
    if kind in ("engine", "agents", "language"):
        return found[0]["msg"]
    if kind in ("model_type", "model_attributes_type"):
        message = "should be a mapping of keys to values"
    else:
        message = " or ".join(dict.fromkeys(_plain(details["msg"]) for details in found))
        message = message.replace(" or should be ", " or ")
    return message + _got(path, found[0]["input"], source)


def _plain(message: str) -> str:
    """Pydantic's words without their subject and their second half."""
    message = message.removeprefix("Input ").removeprefix("Value error, ")
    return re.sub(r", (unable|got) .*", "", message)


def _got(path: KeyPath, value: Any, source: Source) -> str:
    """What stands in the file, unless it is, or may have come from, a secret."""
    if any(isinstance(part, str) and is_secret(part) for part in path):
        return ""
    if isinstance(value, dict | BaseModel):
        return ""
    if isinstance(value, list):
        return " (got a list)"
    # Redacted before it is cut: half a secret is not recognised as one.
    text = redact(source.verbatim.get(path) or ("null" if value is None else repr(value)))
    if isinstance(value, bool):
        text = text.lower()
    return f" (got {text if len(text) <= 60 else text[:57] + '...'})"


def _nearest_key(path: KeyPath, data: dict[str, Any], config: type[BaseModel]) -> str:
    """The end of the message about an unknown key: what may have been meant."""
    unknown = str(path[-1])
    here = _keys(path[:-1], data, config)
    elsewhere = (
        f", did you mean '{section}.{unknown}'?"
        for section in config.model_fields
        if unknown in _keys((section,), data, config)
    )
    there_are = f"; there are {', '.join(here)}" if here else ""
    return did_you_mean(unknown, here) or next(elsewhere, there_are)


def _keys(path: KeyPath, data: Any, config: Any) -> list[str]:
    """The valid keys of the mapping at `path`: none where there may be any."""
    model, section = config, ""
    for part in path:
        data = _at(data, part)
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(str(part))
            section = str(part)
            model = None if field is None else _mapping(field.annotation)
        else:  # a list's, or a mapping's to whatever it likes
            model = _mapping(next(iter(get_args(model)[-1:]), None))
        if model is EngineSection:
            family = FAMILIES[section]
            name = data.get(family.selector) if isinstance(data, dict) else None
            try:
                model = family.schema(str(name or family.default))
            except ConfigError:
                return []
    if isinstance(model, type) and issubclass(model, BaseModel):
        return list(model.model_fields)
    return [*data] if isinstance(data, dict) else []


def _at(data: Any, part: str | int) -> Any:
    try:
        return data[part]
    except (KeyError, IndexError, TypeError):
        return None


def _mapping(annotation: Any) -> Any:
    """What of a field's types has keys or items: a section, or a list or mapping of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (dict, list):
        return annotation
    found = (_mapping(part) for part in get_args(annotation))
    return next((each for each in found if each is not None), None)
