"""What the tests of Dia2's network share."""

from pathlib import Path
from typing import Any

import torch

from tts.dia2.config import Dia2Config
from tts.dia2.model import Model

GOLDENS = Path(__file__).parent / "goldens"
torch.set_num_threads(1)  # these networks are too small to share out


def load_model(folder: Path, **options: Any) -> Model:
    """The model in a folder; `options` as those of `Model`."""
    config = Dia2Config.from_file(folder / "config.json")
    return Model(config, folder / "model.safetensors", **options)
