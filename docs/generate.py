"""Write the references in `docs/` that are made from the code: `python -m docs.generate`.

A test compares them with what is there.
"""

import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

import agent
from agent.config.agents import MemberSettings
from agent.config.engines import FAMILIES
from agent.config.load import Config
from agent.config.tools import McpServer, ToolSettings
from agent.events import Event
from agent.plugins.package import PluginError
from tests.test_architecture import AGENT, DIA2

FOLDER = Path(__file__).parent
NOTICE = "<!-- Made by `python -m docs.generate`; edit the docstrings and descriptions instead. -->"


def events() -> str:
    """Return the reference of the event log, from the classes of the events."""
    kinds = event_classes()
    parts = [
        "# Events",
        NOTICE,
        _paragraphs("""
            Everything that happens in a conversation is an event. `parley talk --events FILE`
            writes each as a line of JSON, `{"t": seconds since the start, "type": ...}` and the
            fields below; in a program they come out of the agent's stage as objects of these
            classes. A field that may be null is left out where it is not known. New types and
            fields may be added; these keep their names.
            """),
        "\n".join(f"- [`{kind.type}`](#{_anchor(kind.type)})" for kind in kinds),
    ]
    for kind in kinds:
        parts += [f"## `{kind.type}`", _paragraphs(inspect.getdoc(kind) or "")]
        if rows := [
            (f"`{field.name}`", _annotation(get_type_hints(kind)[field.name]))
            for field in fields(kind)
        ]:
            parts.append(_table(("field", "type"), rows))
        parts.append(f"In a program: `{kind.__module__}.{kind.__name__}`.")
    return "\n\n".join(parts) + "\n"


def event_classes() -> list[type[Event]]:
    """Return every kind of event, those of `agent.events` first, as they stand in their files."""
    for module in pkgutil.walk_packages(agent.__path__, "agent."):
        if not module.name.endswith("__main__"):
            with suppress(PluginError):  # its framework is not here
                import_module(module.name)
    kinds = [
        kind
        for kind in Event.__subclasses__()
        # A dataclass with slots is made twice, and only one of the two is in its module.
        if getattr(sys.modules[kind.__module__], kind.__name__, None) is kind
        and kind.__module__.startswith("agent.")
    ]
    order = {kind: inspect.getsourcelines(kind)[1] for kind in kinds}
    return sorted(kinds, key=lambda k: (k.__module__ != "agent.events", k.__module__, order[k]))


def configuration() -> str:
    """Return the reference of the configuration, from its sections and the engines."""
    parts = [
        "# Configuration",
        NOTICE,
        _paragraphs("""
            One YAML file describes an agent completely. Every key has a default; an unknown key is
            answered with the nearest known one, and every problem with its file and line.
            `${VARIABLE}` and `${VARIABLE:-default}` are read from the environment.

            Without CONFIG, `parley talk` takes `./parley.yaml`, else
            `~/.config/parley/config.yaml`, else the preset `offline`. `parley config show CONFIG`
            prints all of it with the values in use, `parley config check CONFIG` what is wrong,
            and `parley config schema` a JSON schema for editors.

            Two keys are read before all others: `extends`, a preset or a file over which this
            one stands, and `include`, files whose keys stand here too, at the top or in a
            section. `--set KEY=VALUE` stands over all; [agents](agents.md) has examples.
            """),
    ]
    for name, field in Config.model_fields.items():
        if name in FAMILIES:
            continue
        parts.append(f"## `{name}`")
        if inspect.isclass(field.annotation) and issubclass(field.annotation, BaseModel):
            parts += [_paragraphs(inspect.getdoc(field.annotation) or ""), _keys(field.annotation)]
        else:
            schema = Config.model_json_schema()["properties"][name]
            parts.append(_paragraphs(field.description or ""))
            if name not in ("tools", "agents"):
                parts.append(f"{_kind(schema).capitalize()}; default {_value(field.default)}.")
    parts += [
        "### An agent of several",
        "Below its key in `agents`; [agents](agents.md) says how they work together.",
        _keys(MemberSettings),
        "### A tool",
        "The name of a built-in one, or a mapping:",
        _keys(ToolSettings),
        "### `mcp`",
        _paragraphs(inspect.getdoc(McpServer) or ""),
        _keys(McpServer),
    ]
    for name, family in FAMILIES.items():
        parts.append(f"## `{name}`")
        for engine in sorted(family.builtin, key=lambda name: (name != family.default, name)):
            section = family.schema(engine)
            default = " (default)" if engine == family.default else ""
            parts.append(f"### `{family.selector}: {engine}`{default}")
            parts += [_paragraphs(inspect.cleandoc(section.__doc__ or "")), _keys(section)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _keys(section: type[BaseModel]) -> str:
    """Return the table of a section's keys, without the one that names the engine."""
    schema = section.model_json_schema()
    definitions = schema.get("$defs", {})
    rows = []
    for key, value in schema["properties"].items():
        if key == getattr(section, "selector", None):
            continue
        default = _value(value["default"]) if "default" in value else "required"
        rows.append((f"`{key}`", _kind(value, definitions), default, value.get("description", "")))
    return _table(("key", "type", "default", "meaning"), rows) if rows else "No keys of its own."


def _kind(schema: dict[str, Any], definitions: dict[str, Any] | None = None) -> str:
    """Return a JSON schema's type in words."""
    if "$ref" in schema:
        schema = (definitions or {}).get(schema["$ref"].rpartition("/")[2], {})
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(part, definitions) for part in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), definitions)}"
    words = {"string": "text", "object": "mapping", "boolean": "true or false"}
    if isinstance(schema.get("type"), list):
        return " or ".join(_kind({**schema, "type": one}) for one in schema["type"])
    name = words.get(schema.get("type", ""), schema.get("type", "anything"))
    return " ".join([name, " and ".join(_bounds(schema))]).strip()


def _bounds(schema: dict[str, Any]) -> Iterator[str]:
    if "minimum" in schema and "maximum" in schema:
        yield f"{schema['minimum']:g} to {schema['maximum']:g}"
        return
    for key, sign in (
        *(("minimum", "≥"), ("exclusiveMinimum", ">")),
        *(("maximum", "≤"), ("exclusiveMaximum", "<")),
    ):
        if key in schema and schema[key] < sys.maxsize:
            yield f"{sign} {schema[key]:g}"


def _annotation(hint: Any) -> str:
    """Return a field's type in words."""
    if get_origin(hint) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(hint))
    if NoneType in get_args(hint):
        return " or ".join(_annotation(part) for part in get_args(hint) if part is not NoneType) + (
            ", or left out"
        )
    words = {str: "text", float: "number", int: "integer", bool: "true or false"}
    return words.get(hint, "mapping" if get_origin(hint) is dict else str(hint))


def _value(value: Any) -> str:
    if value == "":
        return "empty"
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text}`" if len(text) <= 60 else "see `parley config show`"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _paragraphs(text: str) -> str:
    """Return text in paragraphs of one line each, and what is indented as it stands."""
    blocks = re.split(r"\n\s*\n", inspect.cleandoc(text).strip())
    return "\n\n".join(b if b.startswith("    ") else " ".join(b.split()) for b in blocks)


def _anchor(heading: str) -> str:
    """Return how GitHub calls a heading."""
    return re.sub(r"[^\w-]", "", heading)


def architecture() -> str:
    """Return the page on the architecture, with the layers that `test_architecture.py` holds."""
    page = (FOLDER / "architecture.md").read_text("utf-8")
    for house, layers in {"agent": AGENT, "tts/dia2": DIA2}.items():
        drawn = "".join(f"{'   '.join(sorted(layer))}\n" for layer in layers)
        page = re.sub(rf"(?<=^```text {house}\n).*?(?=```)", drawn, page, flags=re.M | re.S)
    return page


REFERENCES = {
    "events.md": events,
    "configuration.md": configuration,
    "architecture.md": architecture,
}


def main() -> None:
    """Write every reference."""
    for name, make in REFERENCES.items():
        (FOLDER / name).write_text(make(), "utf-8")
        print(f"docs/{name}")


if __name__ == "__main__":
    main()
