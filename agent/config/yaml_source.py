"""Reads YAML as data that knows where each key stands, with the environment filled in."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import yaml

from agent.errors import ConfigError

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a key: `line` counts from 1, an empty `path` is the whole file."""

    line: int
    path: KeyPath
    message: str

    def __str__(self) -> str:
        """`LINE: stt.languages[0]: what is wrong`."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        key = "".join(parts).removeprefix(".")
        return f"{self.line}: {key}: {self.message}" if key else f"{self.line}: {self.message}"


@dataclass(slots=True)
class Source:
    """What a file says."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    verbatim: dict[KeyPath, str] = field(default_factory=dict)
    """Values into which the environment was put, as they stand in the file."""
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest one around it that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def report(self, path: KeyPath, message: str) -> None:
        """Note a problem at a key; the first one noted there is the one told."""
        if all(problem.path != path for problem in self.problems):
            self.problems.append(Problem(self.line(path), path, message))

    def raise_problems(self) -> None:
        """Raise ConfigError with a line for each problem, if there is any."""
        if self.problems:
            in_order = sorted(self.problems, key=attrgetter("line"))
            raise ConfigError("\n".join(f"{self.name}:{problem}" for problem in in_order))


def read_source(content: bytes, name: str, environment: Mapping[str, str] | None = None) -> Source:
    """Read YAML; an empty file is an empty mapping. `name` is how messages call the file.

    Raises ConfigError if it is not a YAML mapping; smaller problems are in `Source.problems`.
    """
    root = _compose(_decode(content, name), name)
    source = Source(name)
    if root is None:
        return source
    if not isinstance(root, yaml.MappingNode):
        if root.tag == "tag:yaml.org,2002:null":
            return source
        line = root.start_mark.line + 1
        raise ConfigError(f"{name}:{line}: expected keys and values, such as 'tts:', at the top")
    source.lines[()] = root.start_mark.line + 1
    source.data = _Reader(source, os.environ if environment is None else environment).mapping(root)
    return source


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: not UTF-8 text (save it as UTF-8)") from error


class _Loader(yaml.SafeLoader):
    """Scalars as in YAML 1.2: `no` is a word, `010` is no octal number and `1:30` no time."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML's own declaration)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            peek: Any = self.peek_event
            mark = peek().start_mark
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not used here", mark)
        return super().compose_node(parent, index)


for _tag, _pattern in {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan",
}.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), None
    )


def _compose(text: str, name: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise ConfigError(f"{name}:{line}: not YAML: a character that text has not") from error
    try:
        node: yaml.Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        what = " ".join(filter(None, (error.problem, error.context)))
        raise ConfigError(f"{name}{place}: not YAML: {what}") from error
    except RecursionError as error:
        raise ConfigError(f"{name}: not YAML that can be read: nested too deeply") from error
    finally:
        loader.dispose()
    return node


@dataclass(slots=True)
class _Reader:
    """Turns nodes into data and writes down where everything was."""

    source: Source
    environment: Mapping[str, str]
    _constructor: yaml.SafeLoader = field(default_factory=lambda: _Loader(""))

    def mapping(self, node: yaml.MappingNode, path: KeyPath = ()) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                problem = Problem(line, path, "a key should be a plain word")
                self.source.problems.append(problem)
                continue
            here = (*path, key.value)
            if key.value in values:
                first = self.source.lines[here]
                problem = Problem(line, here, f"given twice, first in line {first}")
                self.source.problems.append(problem)
                continue
            self.source.lines[here] = line
            values[key.value] = self.value(value, here)
        return values

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return list(self.sequence(node, path))
        try:
            value = self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self.source.report(path, f"not a value that can be used here (tag {node.tag})")
            return None
        return self.expanded(value, path) if isinstance(value, str) else value

    def sequence(self, node: yaml.SequenceNode, path: KeyPath) -> Iterator[Any]:
        for index, item in enumerate(node.value):
            here = (*path, index)
            self.source.lines[here] = item.start_mark.line + 1
            yield self.value(item, here)

    def expanded(self, text: str, path: KeyPath) -> str:
        """Put the environment into a string: `${NAME}`, `${NAME:-default}`, `$$` for a dollar."""

        def replace(match: re.Match[str]) -> str:
            name, default = match["name"], match["default"]
            if match[0] == "$$":
                return "$"
            if name is None:
                self.source.report(path, "'${' should begin ${NAME} or ${NAME:-default}")
                return ""
            # As in a shell, a default also stands in for an empty variable.
            value = self.environment.get(name, default)
            if value is None:
                hint = f"set it, or write ${{{name}:-default}}"
                self.source.report(path, f"environment variable {name} is not set ({hint})")
                return ""
            return default if value == "" and default else value

        result = _VARIABLE.sub(replace, text)
        if result != text:
            self.source.verbatim[path] = text
        return result


_VARIABLE = re.compile(r"\$\$|\$\{(?:(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^{}]*))?\})?")
