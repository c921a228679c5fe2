"""`parley config`: show, check and describe configurations."""

import argparse
import json
import re
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from agent.cli.options import add_set

if TYPE_CHECKING:
    from pydantic import BaseModel

    from agent.config.load import Config


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser("config", help="show or check a configuration, or its schema")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print all of it, every default included, as YAML")
    check = actions.add_parser("check", help="say whether it is right, and what is wrong")
    for action in (show, check):
        action.add_argument(
            "config", nargs="?", metavar="CONFIG", help="a YAML file, or the name of a preset"
        )
        add_set(action)
    actions.add_parser("schema", help="print the JSON schema, for editors")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what was asked for. Raises ConfigError."""
    from agent.config.load import load_config, locate, place_name

    if args.action == "schema":
        print(json.dumps(schema(), indent=2, ensure_ascii=False))
        return 0
    place = locate(args.config)
    config = load_config(args.config, args.set)
    if args.action == "check":
        print(f"{place_name(place)}: ok")
    else:
        print(f"# {place_name(place)}, with every default.\n\n{show(config)}")
    return 0


def show(config: "Config") -> str:
    """All of the configuration as YAML, without secrets; each key below its description."""
    return "\n\n".join("\n".join(lines) for lines in _sections(config))


def schema() -> dict[str, Any]:
    """The JSON schema of a configuration file, with every engine that is installed."""
    from functools import reduce
    from operator import or_

    from pydantic import create_model

    from agent.config.engines import FAMILIES
    from agent.config.load import Config

    engines: dict[str, Any] = {}
    for section, family in FAMILIES.items():
        engines[section] = (reduce(or_, family.schemas()), {family.selector: family.default})
    model = create_model("Config", __base__=Config, __doc__=Config.__doc__, **engines)
    described = model.model_json_schema()
    _add_layers(described)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}


def _add_layers(described: dict[str, Any]) -> None:
    """Add the keys that are read before there is a configuration (`agent.config.layers`)."""
    files = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    include = {**files, "description": "Files, beside this one, whose keys stand here, too."}
    extends = {**files, "description": "A preset or a file over which this one stands."}
    sections = str([*described["properties"].values()])
    for name, definition in described["$defs"].items():
        if f"'#/$defs/{name}'" in sections or name == "MemberSettings":
            definition["properties"]["include"] = include
    described["properties"].update(extends=extends, include=include)


def _sections(config: "Config") -> Iterator[list[str]]:
    from agent.config.load import public
    from agent.config.sections import Section

    for section, values in public(config).items():
        model = getattr(config, section)
        if not isinstance(model, Section):
            yield [*_comment("# ", type(config), section), _escaped({section: values})]
            continue
        lines = [f"{section}:"]
        for key, value in values.items():
            lines += _comment("  # ", type(model), key)
            lines.append(_yaml(key, value))
        yield lines


def _comment(mark: str, model: "type[BaseModel]", key: str) -> list[str]:
    description = model.model_fields[key].description or ""
    return textwrap.wrap(description, 96, initial_indent=mark, subsequent_indent=mark)


def _yaml(key: str, value: Any) -> str:
    """The key below a section's name, which is left out."""
    return _escaped({"section": {key: value}}).removeprefix("section:\n")


def _escaped(data: dict[str, Any]) -> str:
    """The data as YAML in which no variable is expanded."""
    import yaml

    text = yaml.safe_dump(data, width=96, allow_unicode=True, sort_keys=False).removesuffix("\n")
    return re.sub(r"\$(?=[${])", "$$", text)  # read again, it is the same
