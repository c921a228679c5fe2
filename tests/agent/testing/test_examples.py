"""The example agents do what their cases say, by the command, in virtual time."""

import json
from pathlib import Path

import pytest
import yaml

from agent.cli.main import main
from agent.config.load import examples
from tests.paths import ROOT


def test_there_are_three() -> None:
    assert examples() == ["examples/household", "examples/reception", "examples/tutor"]


@pytest.mark.parametrize("name", examples())
def test_an_example(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status = main(["test", name, "--keep", str(tmp_path)])
    told = capsys.readouterr().out
    assert status == 0, told
    assert "in virtual time" in told
    assert ", 0 failed" in told


SAY = ["flite", "-voice", "rms", "-t", "{text}", "-o", "{output}"]
FLITE = {"engine": "command", "command": SAY}


@pytest.mark.parametrize("name", examples())
def test_an_example_is_really_heard(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With flite as the user's voice the embedded recogniser understands all that is asked for."""
    cases = yaml.safe_load((ROOT / "configs" / f"{name}.cases.yaml").read_text())["cases"]
    spoken = [case | {"voice": FLITE, "ears": None} for case in cases if case.get("user")]
    path = tmp_path / "cases.yaml"
    path.write_text(json.dumps({"cases": spoken}))
    status = main(["test", name, str(path)])
    told = capsys.readouterr().out
    assert status == 0, told
    assert f"{len(spoken)} passed, 0 failed" in told
