"""Extras: the command that installs an optional part of Parley that is missing.

Here because the largest of them is Dia2's; `agent` names its own extras by it too.
"""

import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

NAME = "parley-voice"
"""The distribution: `parley` on PyPI is somebody else's."""

_HOME = Path(__file__).resolve().parents[1]


def pip_install(*words: str) -> str:
    """Return the shell command that installs `words`, requirements, into the running Python.

    Of Parley itself (`parley-voice[dia2]`) a checkout installs its own files; a wheel that is
    installed already stays, and gets what the extra adds.
    """
    return " ".join((_pip(), *map(_of_checkout, words)))


def _of_checkout(word: str) -> str:
    if word.startswith(NAME) and _is_checkout():
        return f"--editable {_quote(str(_HOME) + word.removeprefix(NAME))}"
    return _quote(word)


def _pip() -> str:
    """Return the command that takes requirements: plain `pip` may be another Python's."""
    python = _quote(sys.executable)
    if find_spec("pip") is None:
        return f"uv pip install --python {python}"
    if Path(shutil.which("pip") or "").parent == Path(sys.executable).parent:
        return "pip install"
    return f"{python} -m pip install"


def _is_checkout() -> bool:
    """Whether this package lies beside the pyproject.toml that it is built by."""
    project = _HOME / "pyproject.toml"
    return project.is_file() and f'name = "{NAME}"' in project.read_text("utf-8")


def _quote(word: str) -> str:
    if sys.platform == "win32":  # single quotes quote nothing in cmd.exe
        return f'"{word}"' if set(word) & set(" []<>=") else word
    return shlex.quote(word)
