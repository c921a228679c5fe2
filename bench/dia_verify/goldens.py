"""Golden data as it lies in a folder: recorded inputs and outputs of Transformers' Dia and Dac.

MANIFEST.json                           the sum of every file
<set>/config.json, model.safetensors, … a tiny checkpoint each, its codec in dac/
<set>/goldens.json, goldens.safetensors what was recorded
<set>/nari/                             the same weights in the original layout, with recordings of
                                        the original runtime in original_runs.safetensors
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from tts.dia.codec.codec import Dac
from tts.dia.network import config_json
from tts.dia.network.config import DiaConfig
from tts.dia.network.delays import Codes
from tts.dia.network.model import Model
from tts.dia.network.sampling import Sampling
from tts.dia.network.tensors import open_weights
from tts.dia.take import Take
from tts.dia.tokenizer import to_bytes
from tts.transformer.tensor_file import TensorFile
from tts.transformer.weights import Weights

T = TypeVar("T", bound=Take)


@dataclass(frozen=True)
class Loading:
    """How the models are to compute."""

    device: torch.device
    graphs: bool = False
    """Their steps as a GPU makes them."""


class Golden:
    """One of the sets."""

    def __init__(self, folder: Path, load: Loading) -> None:
        self.folder, self.name, self.load = folder, folder.name, load
        self.json: dict[str, Any] = json.loads((folder / "goldens.json").read_text("utf-8"))

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        return read_tensors(self.folder / "goldens.safetensors")

    @cached_property
    def config(self) -> DiaConfig:
        return config_json.read(self.folder / "config.json")

    @cached_property
    def dac(self) -> Dac:
        return Dac.load(self.folder / "dac", self.load.device)

    @cached_property
    def weights(self) -> Weights:
        """Of the network."""
        return self._weights(self.folder / "model.safetensors")

    @cached_property
    def original_weights(self) -> Weights | None:
        """The same, of a file in the original layout, if there is one."""
        path = self.folder / "nari" / "model.safetensors"
        return self._weights(path) if path.is_file() else None

    @cached_property
    def model(self) -> Model:
        """The network with guidance, for one take."""
        return self.model_of(self.weights)

    @cached_property
    def unguided(self) -> Model:
        """The network without."""
        return self.model_of(self.weights, branches=1)

    def model_of(self, weights: Weights, branches: int = 2) -> Model:
        """A network of other weights."""
        return Model(self.config, weights, device=self.load.device, branches=branches)

    def _weights(self, path: Path) -> Weights:
        return open_weights(TensorFile(path), self.config, self.load.device, torch.float32)


class Run:
    """A recorded take."""

    def __init__(self, golden: Golden, name: str) -> None:
        self.golden, self.name = golden, name
        self.case = f"{golden.name}/{name}"
        self.json: dict[str, Any] = golden.json["runs"][name]
        self.said = {**golden.json["generation_config"], **self.json["settings"]}

    def __getitem__(self, name: str) -> Tensor:
        return self.golden.tensors[f"{self.name}.{name}"]

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    def find(self, name: str) -> Tensor | None:
        """One of its tensors, if it was recorded."""
        return self.golden.tensors.get(f"{self.name}.{name}")

    @property
    def sampling(self) -> Sampling:
        """Its settings; Transformers takes a temperature below 1 for 1."""
        said = self.said
        warm = max(1.0, said.get("temperature") or 1.0)
        return Sampling(
            scale=said.get("guidance_scale") or 1.0,
            temperature=warm if said["do_sample"] else 0.0,
            top_k=said.get("top_k") or 0,
            top_p=said.get("top_p") or 1.0,
        )

    @property
    def longest(self) -> int:
        """Frames after which it was ended."""
        new, delay = self.said.get("max_new_tokens"), self.golden.config.max_delay
        return int(new) - delay - 1 if new else int(self.said["max_length"]) - 1

    @property
    def prompt(self) -> Codes | None:
        """The codes of its voice."""
        if not self.json["prompt"]:
            return None
        codes: Codes = self.golden.tensors["voice.codes"][: self.json["prompt"]].numpy()
        return codes

    def take(self, kind: type[T]) -> T:
        """What is to be spoken again."""
        return kind(
            self.golden.config,
            to_bytes(self.json["text"]),
            prompt=self.prompt,
            sampling=self.sampling,
            longest=self.longest,
        )


def goldens(root: Path, load: Loading) -> Iterator[Golden]:
    """Every set in a folder, which may be one itself."""
    folders = sorted(path.parent for path in root.glob("*/goldens.json"))
    if (root / "goldens.json").is_file():
        folders.append(root)
    return (Golden(folder, load) for folder in folders)


def read_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(path)
