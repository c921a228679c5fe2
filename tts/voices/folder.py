"""The folder of voices: each a file, found by its name or by a path."""

import os
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from tts.protocol import TextToSpeechError
from tts.voices.voice import SUFFIX, Engine, Voice, engines_of

_NAME = re.compile(r"\w[\w.-]{0,63}")
_SHOWN = 20


def folder() -> Path:
    """Find where voices are kept: `parley/voices` in the folder for the user's data."""
    data = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(data):  # anything else is to be ignored, as the XDG specification says
        return Path(data, "parley", "voices")
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData/Local") / "parley/voices"
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/parley/voices"
    return Path.home() / ".local/share/parley/voices"


def path_of(name: str) -> Path:
    """Name the file of a voice, there or not. Raises TextToSpeechError if that is no name."""
    if not _NAME.fullmatch(name):
        raise TextToSpeechError(
            f"'{name}' is no name for a voice: up to 64 letters, digits, '-', '_' and '.', "
            "beginning with a letter or a digit"
        )
    return folder() / f"{name}{SUFFIX}"


def names(engine: Engine | None = None) -> list[str]:
    """List the voices in the folder, by name: those for an engine, or all files."""
    files = (path for path in folder().glob(f"*{SUFFIX}") if path.is_file())
    fit = (path for path in files if engine is None or engine in engines_of(path))
    return sorted(path.name.removesuffix(SUFFIX) for path in fit)


def find(name: str) -> Path:
    """Find a voice's file by its name, or a path. Raises TextToSpeechError if there is none."""
    path = Path(name).expanduser()
    if path.name != name or name.endswith(SUFFIX):
        if not path.is_file():
            raise TextToSpeechError(f"there is no voice file {name}")
        return path
    if _NAME.fullmatch(name) and (kept := path_of(name)).is_file():
        return kept
    raise TextToSpeechError(f"there is no voice '{name}': {_hint(name, names())}")


def load(name: str, engine: Engine | None = "dia2") -> Voice:
    """Load a voice by its name, or from a path, for an engine (`Voice.load`).

    Raises TextToSpeechError.
    """
    return Voice.load(find(name), engine)


def _hint(name: str, known: Sequence[str]) -> str:
    if not known:
        return "there are none yet, make one with parley voice new or parley voice add"
    near = get_close_matches(name, known, n=1)
    shown = ", ".join(known[:_SHOWN]) + (" …" if len(known) > _SHOWN else "")
    return f"did you mean '{near[0]}'? There are {shown}" if near else f"there are {shown}"
