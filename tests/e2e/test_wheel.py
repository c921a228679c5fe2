"""The wheel, installed by itself into an environment of its own, in an empty folder."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from agent.audio.wav import read_audio
from tests.docs.pages import files, in_order, programs
from tests.paths import ROOT


@dataclass(frozen=True)
class Installed:
    """An environment with a Parley that is no checkout; what Parley needs is this one's."""

    wheel: Path
    python: Path

    def start(self, folder: Path, *command: str) -> subprocess.Popen[str]:
        """Start a command in `folder`, with nothing of the checkout on its path."""
        program, *arguments = command
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        return subprocess.Popen(
            [self.python.with_name(program), *arguments],
            cwd=folder,
            env={**environment, "XDG_CONFIG_HOME": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, *command: str) -> str:
        """Run a command to its end and return what it printed; it must not fail."""
        process = self.start(folder, *command)
        out, error = process.communicate(timeout=60)
        assert process.returncode == 0, (command, out, error)
        return out


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=os.name != "nt")
    scheme = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    python = Path(sysconfig.get_path("scripts", "venv", scheme), "python")
    # What is in a folder that a .pth file names is found, but not that folder's own .pth files:
    # the checkout is not.
    site = Path(sysconfig.get_path("purelib", "venv", scheme))
    (site / "base.pth").write_text(sysconfig.get_path("purelib"))
    pip("--python", str(python), "install", "--no-deps", str(wheel))
    return Installed(wheel, python)


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_in_the_wheel(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = wheel.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        told: Message = Parser().parsestr(wheel.read(metadata).decode())
    tops = {name.partition("/")[0] for name in names}
    packages = {"agent", "stt", "llm_adapters", "tts", "configs"}
    assert tops == packages | {"parley_voice.py", metadata.partition("/")[0]}
    for package in packages - {"configs"}:
        assert f"{package}/py.typed" in names
    assert {"configs/question.wav", "configs/offline.yaml"} <= set(names)
    assert {"configs/examples/tutor.yaml", "configs/examples/tutor.cases.yaml"} <= set(names)
    assert {name.rpartition("/")[2] for name in names if "/licenses/" in name} == {
        "LICENSE",
        "NOTICE",
    }
    assert told["Name"] == "parley-voice"
    assert told["License-Expression"] == "Apache-2.0"
    assert told["Project-URL"]
    assert "Typing :: Typed" in told.get_all("Classifier", [])
    extras = {"all", "bench", "dia", "dia2", "echo", "llama", "mcp", "otel", "server", "wake"}
    frameworks = {"livekit", "pipecat"}
    assert set(told.get_all("Provides-Extra", [])) == extras | frameworks
    assert told.get_payload() == (ROOT / "README.md").read_text("utf-8")


def test_the_commands(installed: Installed, tmp_path: Path) -> None:
    assert installed.run(tmp_path, "parley", "--version").startswith("parley 0.")
    assert installed.run(tmp_path, "parley", "config", "show").startswith("# configs/offline.yaml")
    assert "the reply is in demo/reply.wav" in installed.run(tmp_path, "parley", "demo")
    pcm, rate = read_audio(tmp_path / "demo" / "reply.wav")
    assert len(pcm) > rate


def test_what_is_missing_is_installed_by_its_name(installed: Installed, tmp_path: Path) -> None:
    code = "import agent, tts.extras as p; print(agent, p.pip_install('parley-voice[echo]'))"
    told = installed.run(tmp_path, "python", "-c", code)
    assert told.endswith("pip install 'parley-voice[echo]'\n")
    assert str(ROOT) not in told


def test_the_programs_of_the_readme(installed: Installed, tmp_path: Path) -> None:
    """All at the same time: they play in real time."""
    pages = [ROOT / "README.md", ROOT / "docs/embedding.md"]
    running = [
        (installed.start(tmp_path, "python", "-c", program), output)
        for page in pages
        for program, output in programs(page)
    ]
    assert len(running) == 7
    for process, output in running:
        out, error = process.communicate(timeout=120)
        assert (process.returncode, error) == (0, "")
        assert in_order(output).search(out), out


def test_an_engine_in_a_package_of_its_own(installed: Installed, tmp_path: Path) -> None:
    """That of `docs/add-an-engine.md`, file by file and command by command."""
    package, folder = tmp_path / "package", tmp_path / "empty"
    package.mkdir()
    folder.mkdir()
    for name, text in files(ROOT / "docs/add-an-engine.md").items():
        (package / name).write_text(text)
    pip("--python", str(installed.python), "install", "--no-deps", str(package))
    installed.run(folder, "parley", "say", "Help me!", "--tts", "morse", "-o", "help.wav")
    pcm, rate = read_audio(folder / "help.wav")
    assert rate == 16000
    assert len(pcm) / rate == pytest.approx(2.52 + 1.08, abs=0.2)
    (folder / "parley.yaml").write_text("tts: {engine: morse, pitch: 700}")
    assert "# Of the tone, in Hz.\n  pitch: 700.0" in installed.run(
        folder, "parley", "config", "show"
    )
    (folder / "parley.yaml").write_text("tts: {engine: morse, picth: 700}")
    process = installed.start(folder, "parley", "config", "check")
    assert "did you mean 'pitch'?" in process.communicate(timeout=60)[1]
