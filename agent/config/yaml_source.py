"""Reads YAML as data that knows where each key stands, with the environment filled in."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

import yaml

from agent.config.yaml_scalars import SCALARS, TAG
from agent.errors import ConfigError
from agent.guards.control_characters import on_one_line

KeyPath = tuple[str | int, ...]

MAX_BYTES = 1 << 20
MAX_NODES = 10_000
"""Keys and values together."""
MAX_DEPTH = 32
MAX_TOLD = 20
"""Problems that are told of; the others are counted."""
_MAX_KEY, _MAX_MESSAGE = 60, 600
"""Characters of them that are shown."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a key: `line` counts from 1, an empty `path` is the whole file."""

    line: int
    path: KeyPath
    message: str
    file: str = ""

    def __str__(self) -> str:
        """`FILE:LINE: stt.languages[0]: what is wrong`; what stands in no file has no line."""
        parts = (
            f"[{part}]" if isinstance(part, int) else f".{_cut(part, _MAX_KEY)}"
            for part in self.path
        )
        key, message = "".join(parts).removeprefix("."), _cut(self.message, _MAX_MESSAGE)
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {key}: {message}" if key else f"{place}: {message}"


@dataclass(slots=True)
class Source:
    """What a file says, with those that it extends and includes (`agent.config.layers`)."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    files: dict[KeyPath, str] = field(default_factory=dict)
    """Where keys stand that do not stand in the file of this name."""
    verbatim: dict[KeyPath, str] = field(default_factory=dict)
    """Values into which the environment was put, as they stand in the file."""
    problems: list[Problem] = field(default_factory=list)
    untold: int = 0
    """Problems that there are besides."""
    reported: set[KeyPath] = field(default_factory=set)
    """The keys at which there are problems."""

    def place(self, path: KeyPath) -> tuple[str, int]:
        """The file and line of a key, or of the nearest one around it that is written."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.files.get(path, self.name), self.lines.get(path, 1)

    def report(self, path: KeyPath, message: str, line: int | None = None) -> None:
        """Note a problem at a key; the first one noted there is the one told."""
        if path not in self.reported:
            self.reported.add(path)
            file, known = self.place(path)
            self.problems.append(Problem(known if line is None else line, path, message, file))

    def raise_problems(self) -> None:
        """Raise ConfigError with a line for each problem, if there is any."""
        if self.problems:
            in_order = sorted(self.problems, key=attrgetter("file", "line"))
            lines = [str(problem) for problem in in_order[:MAX_TOLD]]
            if more := len(in_order) - len(lines) + self.untold:
                lines.append(f"{self.name}: and {more} more")
            raise ConfigError("\n".join(lines))


def read_source(content: bytes, name: str, environment: Mapping[str, str] | None = None) -> Source:
    """Read YAML; an empty file is an empty mapping. `name` is how messages call the file.

    Raises ConfigError if it is not a YAML mapping; smaller problems are in `Source.problems`.
    """
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{name}: larger than {MAX_BYTES >> 20} MiB: this is no configuration")
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


def read_assignment(text: str, name: str) -> Source:
    """Read `section.key=VALUE`, a value as in YAML. `name` is how messages call where it stands.

    Raises ConfigError if it is none; smaller problems are in `Source.problems`.
    """
    key, equals, value = text.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path):
        shown = _cut(key, _MAX_KEY)
        raise ConfigError(f"{name} {shown}: there is no value, write it as {name} tts.voice=anna")
    if len(path) > MAX_DEPTH:
        raise ConfigError(f"{name} {_cut(key, _MAX_KEY)}: nested too deeply")
    source = Source(name, lines={path[:n]: 0 for n in range(len(path) + 1)})
    root = _compose(value, f"{name} {_cut(key, _MAX_KEY)}")
    read = None if root is None else _Reader(source, os.environ).value(root, path)
    source.lines = dict.fromkeys(source.lines, 0)
    source.problems = [replace(each, line=0) for each in source.problems]
    for part in reversed(path):
        read = {part: read}
    source.data = read or {}
    return source


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: not UTF-8 text (save it as UTF-8)") from error


class _Loader(yaml.SafeLoader):
    """YAML of plain scalars (`agent.config.yaml_scalars`), without aliases, and not without end."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML's own declaration)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = 0
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise self._refused("aliases (*name) are not used here")
        if self._nodes == MAX_NODES:
            raise self._refused(f"more than {MAX_NODES} keys and values: this is no configuration")
        if self._depth == MAX_DEPTH:
            raise RecursionError
        self._nodes += 1
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _refused(self, problem: str) -> yaml.MarkedYAMLError:
        peek: Any = self.peek_event
        return yaml.composer.ComposerError(None, None, problem, peek().start_mark)


for _tag, (_pattern, _) in SCALARS.items():
    if _tag != "str":
        _Loader.add_implicit_resolver(f"{TAG}{_tag}", re.compile(rf"^(?:{_pattern})$"), None)


def _cut(text: str, length: int) -> str:
    """One line of so many characters at most."""
    text = on_one_line(text)
    return text if len(text) <= length else text[: length - 1] + "…"


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

    def mapping(self, node: yaml.MappingNode, path: KeyPath = ()) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                message = "a key should be a plain word"
                problem = Problem(line, path, message, self.source.name)
                self.source.problems.append(problem)
                continue
            here = (*path, key.value)
            if key.value in values:
                first = self.source.lines[here]
                self.source.report(here, f"given twice, first in line {first}", line)
                continue
            self.source.lines[here] = line
            values[key.value] = self.value(value, here)
        return values

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag == f"{TAG}map":
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{TAG}seq":
            return list(self.sequence(node, path))
        tag = node.tag.removeprefix(TAG)
        pattern, read = SCALARS.get(tag, (None, None))
        if not isinstance(node, yaml.ScalarNode) or pattern is None or read is None:
            shown = node.tag.replace(TAG, "!!")
            self.source.report(path, f"not a value that can be used here (tag {shown})")
            return None
        if not re.fullmatch(pattern, node.value):
            self.source.report(path, f"is not what its tag !!{tag} says")
            return None
        try:
            value = read(node.value)
        except ValueError as error:
            self.source.report(path, str(error))
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
