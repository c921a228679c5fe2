"""Machines with torch, numpy and safetensors alone load checkpoints of our own."""

import json
import sys
from importlib.util import find_spec
from types import ModuleType

from tts.dia2.mimi.config import MimiConfig
from tts.dia2.network.config import Dia2Config


def without_pydantic() -> None:
    """Where it is missing, take what every `config.json` says as it is."""
    readers = {
        "tts.dia2.network": lambda path: Dia2Config.from_json(json.loads(path.read_text())),
        "tts.dia2.mimi": lambda folder: MimiConfig.from_json(
            json.loads((folder / "config.json").read_text())
        ),
    }
    for package, read in readers.items():
        if not find_spec("pydantic"):
            module = sys.modules[f"{package}.config_json"] = ModuleType("config_json")
            module.__dict__["read"] = read
