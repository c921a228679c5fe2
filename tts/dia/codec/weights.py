"""The codec's tensors, in either layout that there is of them.

| here, and as `transformers` saves them | Descript's own, in a file of safetensors |
| -------------------------------------- | ---------------------------------------- |
| encoder.conv1, .snake1, .conv2         | encoder.block.0, .{n + 1}, .{n + 2}      |
| encoder.block.{i}.res_unit{1,2,3}      | encoder.block.{i + 1}.block.{0,1,2}      |
| encoder.block.{i}.snake1, .conv1       | encoder.block.{i + 1}.block.3, .4        |
| decoder.conv1, .snake1, .conv2         | decoder.model.0, .{n + 1}, .{n + 2}      |
| decoder.block.{i}.snake1, .conv_t1     | decoder.model.{i + 1}.block.0, .1        |
| decoder.block.{i}.res_unit{1,2,3}      | decoder.model.{i + 1}.block.{2,3,4}      |
| a unit's snake1, conv1, snake2, conv2  | a unit's block.0, .1, .2, .3             |
| quantizer.quantizers.{i}.in_proj, …    | the same                                 |
| a layer's weight                       | its weight_g and weight_v                |

n is the number of ratios. A normed weight is v / |v| times g, over all but the first dimension;
PyTorch calls the two `parametrizations.weight.original1` and `original0` as well. Either layout of
names may have its weights normed or not.
"""

import re
from pathlib import Path

import torch
from torch import Tensor

from tts.codec.weights import Weights
from tts.dia.codec.config import DacConfig

NORMED = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
_BLOCK = re.compile(r"(encoder|decoder)\.block\.(\d+)\.(\w+)(.*)")
_PARTS = {
    "encoder": {"res_unit1": 0, "res_unit2": 1, "res_unit3": 2, "snake1": 3, "conv1": 4},
    "decoder": {"snake1": 0, "conv_t1": 1, "res_unit1": 2, "res_unit2": 3, "res_unit3": 4},
}
_UNIT = {"snake1": 0, "conv1": 1, "snake2": 2, "conv2": 3}
_ROOMS = {"encoder": "encoder.block", "decoder": "decoder.model"}


class DacWeights(Weights):
    """The tensors of a folder's `model.safetensors`, by the names of `transformers`."""

    def __init__(
        self, folder: Path, config: DacConfig, device: torch.device, dtype: torch.dtype
    ) -> None:
        """Raises TextToSpeechError as `Weights` does."""
        super().__init__(folder, device, dtype)
        ratios = {"encoder": config.downsampling_ratios, "decoder": config.upsampling_ratios}
        self._ends = {half: len(each) + 1 for half, each in ratios.items()}
        self._descripts = any(name.startswith("decoder.model.") for name in self._left)

    def take(self, name: str, *shape: int) -> Tensor:
        """One tensor, its norm multiplied in. Raises TextToSpeechError as `Weights` does."""
        name = self._descripts_name(name) if self._descripts else name
        stem, _, last = name.rpartition(".")
        for scale, direction in NORMED if last == "weight" else ():
            if f"{stem}.{scale}" in self._left:
                g = super().take(f"{stem}.{scale}", shape[0], *(1 for _ in shape[1:]))
                v = super().take(f"{stem}.{direction}", *shape)
                return torch._weight_norm(v, g, 0)
        return super().take(name, *shape)

    def vector(self, name: str, size: int) -> Tensor:
        """One tensor [size], which is kept as [1, size, 1]. Raises TextToSpeechError."""
        return self.take(name, 1, size, 1).flatten()

    def _descripts_name(self, name: str) -> str:
        if block := _BLOCK.fullmatch(name):
            half, number, part, rest = block.groups()
            inner = rest.split(".")[1]
            if part.startswith("res_unit"):
                rest = f".block.{_UNIT[inner]}" + rest.removeprefix(f".{inner}")
            return f"{_ROOMS[half]}.{int(number) + 1}.block.{_PARTS[half][part]}{rest}"
        half, _, rest = name.partition(".")
        if half not in _ROOMS:
            return name
        part, _, last = rest.partition(".")
        end = self._ends[half]
        number = {"conv1": 0, "snake1": end, "conv2": end + 1}[part]
        return f"{_ROOMS[half]}.{number}.{last}"
