"""What a plug-in says where its framework is missing, or of another version."""

import importlib
from importlib import metadata

import pytest

from agent.errors import ConfigError
from agent.plugins.engines import recogniser, voice
from agent.plugins.package import PluginError, require


def test_a_package_that_is_there() -> None:
    require("anyio", "4.0", "99", extra="x")


def test_a_package_of_another_version() -> None:
    said = r"^Parley's plug-in needs anyio >= 99\.1, < 99\.2, and \d.* is installed: .*\[x\]\S*$"
    with pytest.raises(PluginError, match=said):
        require("anyio", "99.1", "99.2", extra="x")


@pytest.mark.parametrize(
    ("found", "fits"),
    [("1.14.0", True), ("1.14.3rc1", True), ("1.15", False), ("1.9.9", False), ("2.0.0", False)],
)
def test_versions_are_numbers(found: str, fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.plugins.package.version", lambda _: found)
    if fits:
        require("pipecat-ai", "1.14", "1.15", extra="pipecat")
    else:
        with pytest.raises(PluginError, match=r"< 1\.15"):
            require("pipecat-ai", "1.14", "1.15", extra="pipecat")


@pytest.mark.parametrize(("name", "needs"), [("pipecat", "pipecat-ai"), ("livekit", "livekit-a")])
def test_a_framework_is_missing(name: str, needs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(wanted: str) -> str:
        raise metadata.PackageNotFoundError(wanted)

    monkeypatch.setattr("agent.plugins.package.version", missing)
    with pytest.raises(ImportError, match=rf"^Parley's plug-in needs {needs}.*\[{name}\]"):
        importlib.import_module(f"agent.plugins.{name}")


def test_an_engine_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match=r"espeek.*espeak"):
        voice("espeek")
    with pytest.raises(ConfigError, match="modle"):
        recogniser({"engine": "whisper", "modle": "base"})
