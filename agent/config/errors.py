"""What pydantic finds wrong with a configuration, told to the person who wrote the file."""

import re
from typing import Any

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
    in_order = sorted(problems, key=source.line)
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
    if kind == "engine":
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


def _keys(path: KeyPath, data: dict[str, Any], config: type[BaseModel]) -> list[str]:
    """The valid keys of the mapping at `path`."""
    if not path:
        return list(config.model_fields)
    section = path[0]
    field = config.model_fields.get(str(section))
    if len(path) > 1 or field is None:
        return []
    model = field.annotation
    if model is EngineSection:
        family = FAMILIES[str(section)]
        values = data.get(family.section)
        name = values.get(family.selector, family.default) if isinstance(values, dict) else None
        try:
            model = family.schema(str(name or family.default))
        except ConfigError:
            return []
    return list(model.model_fields) if isinstance(model, type) else []
