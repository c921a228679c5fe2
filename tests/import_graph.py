"""The import graph of the product: `python -m tests.import_graph` prints its figures.

Every import counts: at the top of a module, inside a function, for type checkers only. A *room* is
what stands directly in a package, a module or a folder; a room's *floor* is the longest way down
from it.
"""

import ast
from collections.abc import Collection, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

Graph = Mapping[str, Collection[str]]
"""What each module, or room, imports."""

PRODUCT = ("agent", "stt", "tts", "llm_adapters", "configs")
HOUSES = ("agent", "tts.dia", "tts.dia2")
"""The packages that are large enough to have rooms."""


def modules(root: Path, packages: Collection[str]) -> dict[str, Path]:
    """Every module of `packages` below `root` by its dotted name."""
    paths = (path for package in packages for path in sorted((root / package).rglob("*.py")))
    return {_name(path.relative_to(root)): path for path in paths}


def import_graph(root: Path, packages: Collection[str]) -> dict[str, set[str]]:
    """Which modules of `packages` each of them imports."""
    paths = modules(root, packages)
    return {
        module: {_module(name, paths) for name in imports(path, module)} & set(paths) - {module}
        for module, path in paths.items()
    }


def imports(path: Path, module: str) -> Iterator[str]:
    """The dotted names that a module imports, those of things inside of modules too."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                above = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                yield from (f"{base}.{alias.name}" for alias in node.names)
            case ast.Call(args=[ast.Constant(value=str(name)), *_]):
                if "import" in ast.unparse(node.func):
                    yield name


def rooms(graph: Graph, house: str) -> dict[str, set[str]]:
    """Which rooms of the package `house` each of them imports; its own `__init__` is the door."""
    found: dict[str, set[str]] = {}
    for module, imported in graph.items():
        if (room := _room(module, house)) is not None:
            others = {_room(other, house) for other in imported}
            found.setdefault(room, set()).update(other for other in others if other)
    return {room: others - {room} for room, others in found.items()}


def floors(graph: Graph) -> dict[str, int]:
    """The floor of every room, 0 at the bottom; those of a circle are on one floor."""
    circle = {room: tuple(rooms) for rooms in circles(graph) for room in rooms}
    below: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for room, imported in graph.items():
        here = circle.get(room, (room,))
        others = {circle.get(other, (other,)) for other in imported}
        below.setdefault(here, set()).update(others - {here})
    found: dict[tuple[str, ...], int] = {}
    for here in TopologicalSorter(below).static_order():
        found[here] = 1 + max((found[other] for other in below[here]), default=-1)
    return {room: floor for here, floor in found.items() for room in here}


def circles(graph: Graph) -> list[list[str]]:
    """The sets of modules that import each other, directly or not (Tarjan, 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        stack.append(module)
        for other in graph[module]:
            if other not in order:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == order[module]:
            start = stack.index(module)
            if len(stack) > start + 1:
                found.append(sorted(stack[start:]))
            del stack[start:]

    for module in graph:
        if module not in order:
            visit(module)
    return sorted(found)


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _module(name: str, known: Collection[str]) -> str:
    """The module in which a dotted name is."""
    return name if name in known else name.rpartition(".")[0]


def _room(module: str, house: str) -> str | None:
    """The room of a module, None for one outside and for the door."""
    if not module.startswith(house + "."):
        return None
    return module.removeprefix(house + ".").partition(".")[0]


def main() -> None:
    """Print the figures of the product below the current folder."""
    graph = import_graph(Path(), PRODUCT)
    print(f"{len(graph)} modules, {sum(map(len, graph.values()))} imports")
    for house in HOUSES:
        inside = rooms(graph, house)
        arrows, high = sum(map(len, inside.values())), max(floors(inside).values()) + 1
        print(f"{house}: {len(inside)} rooms, {arrows} arrows between them, {high} floors")
    found = circles(graph)
    print(f"{len(found)} circles")
    for circle in found:
        print(f"  {', '.join(circle)}")


if __name__ == "__main__":
    main()
