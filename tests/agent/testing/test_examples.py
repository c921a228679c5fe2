"""The example agents do what their cases say, by the command, in virtual time."""

from pathlib import Path

import pytest

from agent.cli.main import main
from agent.config.load import examples


def test_there_are_three() -> None:
    assert examples() == ["examples/household", "examples/reception", "examples/tutor"]


@pytest.mark.parametrize("name", examples())
def test_an_example(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status = main(["test", name, "--keep", str(tmp_path)])
    told = capsys.readouterr().out
    assert status == 0, told
    assert "in virtual time" in told
    assert ", 0 failed" in told
