"""What the tests of Dia's network share."""

from pathlib import Path
from typing import Any

import torch

from tests.paths import ROOT
from tts.dia.network import config_json
from tts.dia.network.config import DiaConfig
from tts.dia.network.model import Model
from tts.dia.network.tensors import open_weights
from tts.transformer.tensor_file import TensorFile

GOLDENS = ROOT / "tests" / "tts" / "dia" / "goldens"
SMALL = GOLDENS / "small5"

torch.set_num_threads(1)  # these networks are too small to share out


def config_of(folder: Path) -> DiaConfig:
    """What the folder's `config.json` says."""
    return config_json.read(folder / "config.json")


def load_model(folder: Path = SMALL, **options: Any) -> Model:
    """The network in a folder; `options` as those of `Model`."""
    config, cpu = config_of(folder), torch.device("cpu")
    weights = open_weights(TensorFile(folder / "model.safetensors"), config, cpu, torch.float32)
    return Model(config, weights, **options)
