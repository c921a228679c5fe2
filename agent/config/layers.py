"""A configuration of several files: what one `extends`, what it `include`s, what `--set` changes.

    extends: local            # a preset or a file: this one stands over it
    include: [tools.yaml]     # files of whole sections
    tts:
      include: voice.yaml     # a file of keys of this section

Mappings are merged key by key; lists and values take each other's place. What a file says itself
stands over what it includes, and that over what it extends; `--set` stands over all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from agent.config.merging import merged
from agent.config.yaml_source import MAX_BYTES, KeyPath, Source, read_assignment, read_source
from agent.errors import ConfigError

MAX_FILES = 50
MAX_CHAIN = 8
"""Files that extend or include one another."""
SET = "--set"

Locate = Callable[[str], Traversable]
"""The file of a preset, or of a path. Raises ConfigError."""
Name = Callable[[Traversable], str]


@dataclass(slots=True)
class Layers:
    """Reads the files of a configuration, and knows which ones they were."""

    locate: Locate
    name: Name
    files: list[Path] = field(default_factory=list)
    """Those that were read, or could not be; presets are not among them."""
    _read: int = 0

    def read(self, place: Traversable) -> Source:
        """Read a file with all that it extends and includes. Raises ConfigError."""
        return self._file(place, ())

    def _file(self, place: Traversable, chain: tuple[str, ...]) -> Source:
        name = self.name(place)
        if isinstance(place, Path) and place not in self.files:
            self.files.append(place)
        self._read += 1
        if self._read > MAX_FILES:
            raise ConfigError(f"{name}: more than {MAX_FILES} files: this is no configuration")
        try:
            with place.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ConfigError(f"{name}: cannot be read ({error.strerror})") from error
        return self.composed(read_source(content, name), place, (*chain, _identity(place)))

    def composed(
        self, source: Source, place: Traversable | None, chain: tuple[str, ...] = ()
    ) -> Source:
        """Return `source`, which stands at `place`, over what it extends and includes."""
        whole: Source | None = None
        for key in ("extends", "include"):
            for path, wanted in _taken(source, key):
                base = below(self._other(source, (*path, key), wanted, place, chain), path)
                whole = base if whole is None else over(whole, base)
        return source if whole is None else over(whole, source)

    def _other(
        self,
        source: Source,
        key: KeyPath,
        wanted: str,
        place: Traversable | None,
        chain: tuple[str, ...],
    ) -> Source:
        file, line = source.place(key)
        here = f"{file}:{line}: {'.'.join(map(str, key))}"
        try:
            there = self._beside(wanted, place, preset=key == ("extends",))
        except ConfigError as error:
            raise ConfigError(f"{here}: {error}") from None
        if _identity(there) in chain:
            names = [Path(each).name for each in (*chain, _identity(there))]
            begin = chain.index(_identity(there))
            raise ConfigError(f"{here}: goes in a circle: {' -> '.join(names[begin:])}")
        if len(chain) >= MAX_CHAIN:
            raise ConfigError(f"{here}: more than {MAX_CHAIN} files one behind the other")
        return self._file(there, chain)

    def _beside(self, wanted: str, place: Traversable | None, *, preset: bool) -> Traversable:
        """A preset, or a file whose path is relative to that of the file which names it."""
        if isinstance(place, Path):
            path = place.parent / Path(wanted).expanduser()
            if path.exists():
                return path
        if preset:
            return self.locate(wanted)
        raise ConfigError(f"{wanted}: no such file")


def assigned(source: Source, assignments: Sequence[str]) -> Source:
    """Return a configuration with `section.key=VALUE` set in it. Raises ConfigError."""
    changes = Source(SET)
    for text in assignments:
        changes = over(changes, read_assignment(text, SET))
    return over(source, changes) if assignments else source


def over(base: Source, top: Source) -> Source:
    """Return what two sources say together; where both do, what `top` says."""
    whole = Source(top.name, merged(base.data, top.data))
    for source in (base, top):
        for path in source.lines:
            if not path or _is_there(whole.data, path):
                whole.files[path], whole.lines[path] = source.place(path)
    for path, text in [*base.verbatim.items(), *top.verbatim.items()]:
        home = top if path in top.lines else base
        if _is_there(whole.data, path) and home.verbatim.get(path) == text:
            whole.verbatim[path] = text
    for problem in base.problems:  # but for those of what does not count any more
        if not problem.path or whole.place(problem.path)[0] == problem.file:
            whole.problems.append(problem)
    whole.problems += top.problems
    whole.reported |= {problem.path for problem in whole.problems}
    return whole


def below(source: Source, path: KeyPath) -> Source:
    """Return what a source says as what the mapping at `path` says."""
    data: Any = source.data
    for part in reversed(path):
        data = {part: data}
    return Source(
        source.name,
        data,
        {(*path, *key): line for key, line in source.lines.items()},
        {(*path, *key): file for key, file in source.files.items()},
        {(*path, *key): text for key, text in source.verbatim.items()},
        [replace(each, path=(*path, *each.path)) for each in source.problems],
    )


def _taken(source: Source, key: str) -> list[tuple[KeyPath, str]]:
    """Take `key` out of a source: the mapping in which it stood, and each file that it names.

    It may stand at the top, an `include` also in a section and in one of several agents.
    """
    places: list[KeyPath] = [()]
    if key == "include":
        places += [(name,) for name in source.data]
        agents = source.data.get("agents")
        places += [("agents", name) for name in (agents if isinstance(agents, dict) else ())]
    found: list[tuple[KeyPath, str]] = []
    for path in places:
        mapping: Any = source.data
        for part in path:
            mapping = mapping.get(part) if isinstance(mapping, dict) else None
        if isinstance(mapping, dict) and key in mapping:
            value = mapping.pop(key)
            named = value if isinstance(value, list) else [value]
            if not all(isinstance(each, str) and each for each in named):
                what = "a preset or a file" if key == "extends" else "a file, or a list of them"
                source.report((*path, key), f"should be {what}")
                continue
            found += [(path, each) for each in named]
    return found


def _is_there(data: Any, path: KeyPath) -> bool:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _identity(place: Traversable) -> str:
    return str(place.resolve()) if isinstance(place, Path) else str(place)
