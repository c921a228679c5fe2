"""The configuration file that comes of a setup: short, commented, read again before it is kept."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.config.load import parse_config, user_config
from agent.errors import ParleyError
from agent.guards.files import FOLDER, make_folder, overwrite
from agent.setup.machine import Machine
from agent.setup.measure import Tried

TOOLS = ("time", "timer", "stop", "repeat", "volume")


def text_of(machine: Machine, tried: Mapping[str, Tried], languages: Sequence[str]) -> str:
    """Write the configuration as YAML, with what was measured as comments."""
    lines = [
        "# Made by `parley setup`. Run again, it keeps this file beside the new one.",
        f"# On {machine.processor}, {machine.cores} cores"
        + (f", {machine.gpu}." if machine.gpu is not None else ", no GPU."),
        "",
        "agent:",
        "  name: Parley                # shown in the terminal",
        '  greeting: ""                # spoken when the session starts; empty for silence',
    ]
    if languages[0] != "en":
        wish = "Answer in one or two short sentences, in the language you are spoken to."
        lines += [f"  instructions: {_scalar(wish)}"]
    lines += _section("turn", tried["turn"])
    for part in ("stt", "llm", "tts"):
        lines += _section(part, tried[part])
    if tried["llm"].choice.section["adapter"] != "eliza":
        about = (
            "What the model may do besides talking; one that knows no tools is not told of them."
        )
        lines += ["", f"# {about}", f"tools: [{', '.join(TOOLS)}]"]
    lines += ["", "# All that can be set, with the values in use: parley config show", ""]
    text = "\n".join(lines)
    parse_config(text.encode(), "the configuration that setup made")  # it must be usable
    return text


def keep(text: str, path: Path | None = None) -> tuple[Path, Path | None]:
    """Write the user's configuration; return where it is, and where the one before it is now.

    Raises ParleyError.
    """
    path = path or user_config()
    old = None
    try:
        make_folder(path.parent, FOLDER)
        if path.exists():
            old = path.with_name(path.name + ".old")
            os.replace(path, old)
        with os.fdopen(overwrite(path), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ParleyError(f"{path} cannot be written: {error.strerror or error}") from error
    return path, old


def _section(name: str, tried: Tried) -> list[str]:
    measured = f": {tried.speed.text}" if tried.speed is not None else ""
    lines = ["", f"# {tried.choice.title}, {tried.choice.why}{measured}", f"{name}:"]
    return lines + [f"  {key}: {_scalar(value)}" for key, value in tried.choice.section.items()]


def _scalar(value: Any) -> str:
    """Write a value so that YAML reads just it; JSON's strings are YAML's, too."""
    text = str(value)
    plain = isinstance(value, str) and text.replace("_", "").replace("-", "").isalnum()
    word = plain and text[0].isalpha() and text.lower() not in _READ_OTHERWISE
    return text if word else json.dumps(value, ensure_ascii=False)


_READ_OTHERWISE = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
