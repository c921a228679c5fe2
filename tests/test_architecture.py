"""Dependencies point one way. `python -m tests.import_graph` prints the figures."""

from pathlib import Path

import pytest

from tests.import_graph import PRODUCT, circles, floors, import_graph, imports, modules, rooms
from tests.paths import ROOT

GRAPH = import_graph(ROOT, PRODUCT)

AGENT = (
    {"launcher"},
    {"cli"},
    {"server", "testing"},
    {"agent", "load_test", "plugins", "setup", "steering", "transcription", "voice_making"},
    {"conversation", "doctor", "pool"},
    {"wake"},
    {"stages", "turns"},
    {"audio", "tools"},
    {"config", "graph", "shadowing"},
    {"engines"},
    {"events", "languages"},
    {"guards"},
    {"errors"},
)
"""The rooms of `agent` from top to bottom: each imports only what stands below it."""

DIA2 = (
    {"dia2", "engine"},
    {"generate"},
    {"serving"},
    {"bundle"},
    {"checkpoint", "fast", "result", "settings"},
    {"mimi", "network", "text"},
)
"""Those of `tts/dia2`: the reference network and the codec stand below everything fast."""

DIA = (
    {"dia", "engine"},
    {"serving"},
    {"bundle"},
    {"graphs"},
    {"stepper"},
    {"checkpoint", "memory", "result", "settings", "take"},
    {"codec", "network", "text", "tokenizer"},
)
"""Those of `tts/dia`: a take knows no tensors, and who steps it no utterance."""

LIBRARIES = ("stt", "tts", "llm_adapters")


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    assert circles(graph) == [["a", "b", "c"], ["d", "e"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_a_floor_is_the_longest_way_down() -> None:
    assert floors({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": 2, "b": 1, "c": 0}
    assert floors({"a": {"b"}, "b": {"a", "c"}, "c": set()}) == {"a": 1, "b": 1, "c": 0}


def test_every_import_counts(tmp_path: Path) -> None:
    """Those that are lazy, for type checkers only, or of something inside a module."""
    texts = {
        "__init__": "from importlib import import_module\nimport_module('house.attic')",
        "attic": "def climb():\n    from house.hall import door",
        "hall": "if TYPE_CHECKING:\n    from house import attic\n    import house.yard.gate",
        "yard/__init__": "",
        "yard/gate": "from .. import hall\nfrom . import gate\nimport os",
    }
    (tmp_path / "house/yard").mkdir(parents=True)
    for name, text in texts.items():
        (tmp_path / f"house/{name}.py").write_text(text)
    assert import_graph(tmp_path, ["house"]) == {
        "house": {"house.attic"},
        "house.attic": {"house.hall"},
        "house.hall": {"house.attic", "house.yard.gate"},
        "house.yard": set(),
        "house.yard.gate": {"house.hall"},
    }


def test_no_circle() -> None:
    assert circles(import_graph(ROOT, (*PRODUCT, "bench", "tests"))) == []


@pytest.mark.parametrize(
    ("house", "order"), [("agent", AGENT), ("tts.dia", DIA), ("tts.dia2", DIA2)]
)
def test_rooms_import_only_what_is_below_them(house: str, order: tuple[set[str], ...]) -> None:
    below = rooms(GRAPH, house)
    assert set(below) == set().union(*order), "a new room: which floor is it on?"
    for number, floor in enumerate(order):
        lower: set[str] = set().union(*order[number + 1 :])
        assert {room: below[room] - lower for room in floor} == {room: set() for room in floor}


def test_what_both_dias_have_knows_neither() -> None:
    assert not {name for name in _imported("tts/transformer") if name.startswith("tts.dia")}


@pytest.mark.parametrize("package", LIBRARIES)
def test_a_library_knows_neither_the_agent_nor_another(package: str) -> None:
    assert _packages(package) & {"agent", "configs", *LIBRARIES} <= {package}


@pytest.mark.parametrize("package", PRODUCT)
def test_the_product_knows_neither_bench_nor_tests(package: str) -> None:
    assert not _packages(package) & {"bench", "tests"}


def test_benches_use_no_tests_but_what_tests_are_made_of() -> None:
    """A fake engine or a virtual sound card, never a test."""
    imported = {name for m, path in modules(ROOT, ["bench"]).items() for name in imports(path, m)}
    assert not [name for name in imported if name.startswith("tests.") and ".test_" in name]


def _packages(package: str) -> set[str]:
    """The top-level packages that `package` imports."""
    return {name.partition(".")[0] for name in _imported(package)}


def _imported(folder: str) -> set[str]:
    return {name for m, path in modules(ROOT, [folder]).items() for name in imports(path, m)}
