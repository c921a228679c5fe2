"""Other people's packages with the names of ours: a program gets the first one on its path."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

PACKAGES = ("agent", "stt", "llm_adapters", "tts", "configs")
"""Ours. The launcher, which may import none of them, has a list of its own."""

HOME = Path(__file__).resolve().parents[1]
"""The folder that our packages are in."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A module or package `name`, at `place`, that is not ours.

    `first`: it comes before ours on the path.
    """

    name: str
    place: Path
    first: bool

    @property
    def folder(self) -> Path:
        """What is on the path."""
        return self.place.parent

    @property
    def detail(self) -> str:
        """Who finds which of the two."""
        if self.first:
            found = "found before Parley's own by every program but the command parley"
            return f"'{self.name}' is a stranger's ({self.place}), {found}"
        return f"'{self.name}' is also a stranger's ({self.place}), which Parley's own shadows"

    @property
    def fix(self) -> str:
        """What to do about it."""
        return f"take {self.folder} off PYTHONPATH (or start programs elsewhere), or rename it"

    def __str__(self) -> str:
        return f"{self.detail}: {self.fix}"


def strangers(path: Iterable[str]) -> list[Stranger]:
    """The strangers in the folders of `path`, in order, each once.

    A folder without an `__init__.py` is none: it gives way to every package.
    """
    found: dict[Stranger, None] = {}
    first = True
    for folder in dict.fromkeys(Path(entry).resolve() for entry in path):
        first = first and folder != HOME
        specs = (PathFinder.find_spec(name, [str(folder)]) for name in PACKAGES)
        for spec in specs if folder != HOME else ():
            if spec is not None and spec.origin is not None:
                file = Path(spec.origin)
                place = file.parent if file.stem == "__init__" else file
                found[Stranger(spec.name, place, first)] = None
    return list(found)
