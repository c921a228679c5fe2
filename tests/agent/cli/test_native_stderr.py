import os
import sys

import pytest

from agent.cli.native_stderr import silenced


def test_libraries_are_silent_and_python_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    with silenced():
        os.write(2, b"Expression 'err' failed\n")
        print("for people", file=sys.stderr)
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "for people\nafter\n"


def test_an_exception_gives_it_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), silenced():
        raise KeyError("x")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
