"""Importing is light (promise P8), and dependencies point one way."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HEAVY = {
    *("torch", "transformers", "tokenizers", "onnxruntime", "ctranslate2", "faster_whisper", "av"),
    *("huggingface_hub", "openai", "httpx", "httpx2", "pocketsphinx", "espeakng_loader"),
    *("sounddevice", "soxr", "trio"),
}
"""Imported only where they are used, and never because something else is."""

LIBRARIES = ("stt", "tts", "llm_adapters")


def imported(statement: str) -> set[str]:
    """The top-level packages that running `statement` in a new interpreter imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", statement],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    # A line each: `import time: own | cumulative | name`, indented by depth.
    names = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines())
    return {name.partition(".")[0] for name in names}


def modules(package: str) -> list[str]:
    """Every module of a package, but for those that run when they are imported."""
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.stem != "__main__"
    ]


def test_importing_agent_imports_next_to_nothing() -> None:
    found = imported("import agent")
    assert "agent" in found
    assert not found & (HEAVY | {"pydantic", "numpy", "anyio", "yaml", "rich"})


@pytest.mark.parametrize("package", LIBRARIES)
def test_importing_a_library_is_light(package: str) -> None:
    found = imported(f"import {package}")
    assert package in found
    assert not found & (HEAVY | {"rich", "yaml"})


@pytest.mark.parametrize("package", ["agent", *LIBRARIES])
def test_importing_every_module_is_light(package: str) -> None:
    """All at once: what any of them imported is found."""
    names = modules(package)
    assert len(names) > 3
    found = imported(f"import {', '.join(names)}")
    assert package in found
    assert not found & HEAVY


def test_the_command_line_starts_light() -> None:
    found = imported("from agent.cli import main; main(['--version'])")
    assert "agent" in found
    assert not found & (HEAVY | {"torch"})


@pytest.mark.parametrize("package", LIBRARIES)
def test_a_library_knows_neither_the_agent_nor_another(package: str) -> None:
    forbidden = {"agent", "configs", *LIBRARIES} - {package}
    for path in (ROOT / package).rglob("*.py"):
        assert not set(_imports(path)) & forbidden, path


def _imports(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports anywhere, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import():
                yield from (alias.name.partition(".")[0] for alias in node.names)
            case ast.ImportFrom(level=0, module=str(module)):
                yield module.partition(".")[0]
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if "import" in ast.unparse(
                node.func
            ):
                yield name.partition(".")[0]
