"""Importing is light (promise P8); `tests/test_architecture.py` holds which way it goes."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent
import llm_adapters
import stt
import tts
from tests.paths import ROOT

HEAVY = {
    *("torch", "transformers", "tokenizers", "onnxruntime", "ctranslate2", "faster_whisper", "av"),
    *("huggingface_hub", "openai", "httpx", "httpx2", "pocketsphinx", "espeakng_loader"),
    *("sounddevice", "soxr", "trio"),
}
"""Imported only where they are used, and never because something else is."""

LIBRARIES = ("stt", "tts", "llm_adapters")

ENGINES = {
    "stt": stt.ENGINES.values(),
    "tts": tts.ENGINES.values(),
    "llm_adapters": llm_adapters.ADAPTERS.values(),
}


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
    """Every module of a package, but for a neural model's own.

    Those are written in torch, which the base install lacks; an engine imports them when it loads.
    """
    tops = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): {
            name for node in _tree(path).body for name in _names(node)
        }
        for path in sorted((ROOT / package).rglob("*.py"))
    }
    neural = {"torch"}
    while more := {module for module, names in tops.items() if names & neural} - neural:
        neural |= more
    return [module for module in tops if module not in neural]


def test_importing_agent_imports_next_to_nothing() -> None:
    found = imported("import agent")
    assert "agent" in found
    assert not found & (HEAVY | {"pydantic", "numpy", "anyio", "yaml", "rich"})


def test_agent_gives_what_it_shows_to_type_checkers() -> None:
    assert {"Agent", "Audio", "DeviceSpeaker", "Graph", "load_config", "source"} < set(
        agent.__all__
    )
    assert len(agent.__all__) == 19
    for name in agent.__all__:
        assert getattr(agent, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Parrot'"):
        agent.Parrot  # noqa: B018


@pytest.mark.parametrize("package", LIBRARIES)
def test_importing_a_library_is_light(package: str) -> None:
    found = imported(f"import {package}")
    assert package in found
    assert not found & (HEAVY | {"rich", "yaml"})


CLIENTS = {
    *("stt.http", "llm_adapters.openai.http"),
    *(f"agent.server.realtime.{name}" for name in ("gathering", "media", "webrtc")),
}
"""They subclass what the HTTP client, or WebRTC, brings, and are imported where one is made."""
PLUGINS = ("agent.plugins.livekit", "agent.plugins.pipecat")
"""They subclass what their framework has, which is not here."""


@pytest.mark.parametrize("package", ["agent", *LIBRARIES])
def test_importing_every_module_is_light(package: str) -> None:
    """All at once: what any of them imported is found."""
    names = [n for n in modules(package) if n not in CLIENTS and not n.startswith(PLUGINS)]
    assert {path.partition(":")[0] for path in ENGINES.get(package, ())} < set(names)
    found = imported(f"import {', '.join(names)}")
    assert package in found
    assert not found & HEAVY


def test_the_command_line_starts_light() -> None:
    found = imported("from agent.cli.main import main; main(['--version'])")
    assert "agent" in found
    assert not found & (HEAVY | {"torch"})


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _names(node: ast.AST) -> Iterator[str]:
    """The modules that a statement or a call imports."""
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom(level=0, module=str(module)):
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        case ast.Call(args=[ast.Constant(value=str(name)), *_]):
            if "import" in ast.unparse(node.func):
                yield name
