"""Mimi's checkpoint as `transformers` saves it: config.json and model.safetensors, checked."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from tts.protocol import TextToSpeechError

SHOWN = 4  # tensor names in a message
PICKLES = ("pytorch_model.bin", "model.bin", "model.pt", "model.pth", "model.ckpt")


@dataclass(frozen=True, kw_only=True)
class MimiConfig:
    """The codec's sizes, under the names of `config.json`; absent keys mean kyutai/mimi's value."""

    sampling_rate: int = 24_000
    frame_rate: float = 12.5
    """Frames of codes per second; derived from the other rates where the file has none."""
    audio_channels: int = 1
    hidden_size: int = 512
    num_filters: int = 64
    num_residual_layers: int = 1
    upsampling_ratios: list[int] = field(default_factory=lambda: [8, 6, 5, 4])
    kernel_size: int = 7
    last_kernel_size: int = 3
    residual_kernel_size: int = 3
    dilation_growth_rate: int = 2
    use_causal_conv: bool = True
    pad_mode: str = "constant"
    """Before the first sample of every convolution but the downsampler's, which repeats."""
    compress: int = 2
    trim_right_ratio: float = 1.0
    use_conv_shortcut: bool = False
    codebook_size: int = 2048
    codebook_dim: int = 256
    num_quantizers: int = 32
    num_semantic_quantizers: int = 1
    vector_quantization_hidden_dimension: int = 256
    upsample_groups: int = 512
    num_hidden_layers: int = 8
    intermediate_size: int = 2048
    num_attention_heads: int = 8
    num_key_value_heads: int = 8
    head_dim: int = 64
    hidden_act: str = "gelu"
    norm_eps: float = 1e-5
    rope_theta: float = 10_000.0
    sliding_window: int = 250
    attention_bias: bool = False

    @property
    def hop(self) -> int:
        """Samples per position of the transformers."""
        return math.prod(self.upsampling_ratios)

    @property
    def stride(self) -> int:
        """Positions of the transformers per frame of codes."""
        return math.ceil(self.sampling_rate / self.hop) // int(self.frame_rate)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read and check a folder's `config.json`. Raises TextToSpeechError."""
        path = folder / "config.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise TextToSpeechError(f"{folder} is no Mimi codec: it has no config.json") from None
        except (OSError, ValueError) as error:
            raise TextToSpeechError(f"cannot read {path}: {error}") from None
        if not isinstance(found, dict) or found.get("model_type") != "mimi":
            raise TextToSpeechError(f"{path} does not describe a Mimi codec (model_type mimi)")
        values = {name: value for name, value in found.items() if value is not None}
        try:
            config = cls(**_complete(values))
            config._check()
        except ValueError as error:
            raise TextToSpeechError(f"{path} describes a codec Parley has not: {error}") from None
        return config

    def _check(self) -> None:
        """Refuse what the layers do not compute, rather than compute something else."""
        needs = {
            "audio_channels 1": self.audio_channels == 1,
            "use_causal_conv true": self.use_causal_conv,
            "pad_mode constant": self.pad_mode == "constant",
            "trim_right_ratio 1": self.trim_right_ratio == 1.0,
            "attention_bias false": not self.attention_bias,
            "hidden_act gelu": self.hidden_act == "gelu",
            "upsample_groups equal to hidden_size": self.upsample_groups == self.hidden_size,
            "codebook_dim equal to vector_quantization_hidden_dimension": self.codebook_dim
            == self.vector_quantization_hidden_dimension,
            "num_semantic_quantizers below num_quantizers": 0
            < self.num_semantic_quantizers
            < self.num_quantizers,
            "num_attention_heads a multiple of num_key_value_heads": self.num_attention_heads
            % self.num_key_value_heads
            == 0,
            "a frame of two or more whole positions": self.stride >= 2
            and self.sampling_rate / self.hop == self.stride * self.frame_rate,
        }
        lacking = [need for need, given in needs.items() if not given]
        if lacking:
            raise ValueError(f"it needs {', '.join(lacking)}")


def _complete(values: dict[str, Any]) -> dict[str, Any]:
    """The values by our names, with those that files put elsewhere or leave to be derived."""
    plain = MimiConfig()
    names = [each.name for each in fields(MimiConfig)]
    given = {
        name: _valid(name, values[name], getattr(plain, name)) for name in names if name in values
    }
    rope = values.get("rope_parameters") or {}
    if rope.get("rope_type", "default") != "default" or values.get("rope_scaling"):
        raise ValueError("it needs plain rotary positions, without scaling")
    given.setdefault("rope_theta", rope.get("rope_theta", plain.rope_theta))
    width = given.get("hidden_size", plain.hidden_size)
    given.setdefault(
        "head_dim", width // given.get("num_attention_heads", plain.num_attention_heads)
    )
    if "frame_rate" not in given:
        rates = MimiConfig(**given)
        given["frame_rate"] = values.get("_frame_rate", rates.sampling_rate / (2 * rates.hop))
    return given


def _valid(name: str, value: Any, usual: Any) -> Any:
    """A value of the usual one's kind; a number is above 0. Raises ValueError."""
    kinds = (int, float) if isinstance(usual, float) else (type(usual),)
    valid = type(value) in kinds
    if valid and not isinstance(value, (bool, str)):
        parts = value if isinstance(value, list) else [value]
        valid = bool(parts) and all(type(part) in (int, float) and part > 0 for part in parts)
    if not valid:
        raise ValueError(f"its {name} is {value!r}")
    return value


class Weights:
    """The tensors of a safetensors file, each taken once, by name and shape."""

    def __init__(self, path: Path, device: torch.device, dtype: torch.dtype) -> None:
        with _opened(path) as file:
            names = list(file.keys())
            self._shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
        self._path = path
        self._left = set(self._shapes)
        self._device = device
        self._dtype = dtype

    def take(self, name: str, *shape: int) -> Tensor:
        """One tensor, on the device and in the compute type. Raises TextToSpeechError."""
        if name not in self._left:
            raise TextToSpeechError(f"{self._path} lacks the tensor {name}")
        found = self._shapes[name]
        if found != shape:
            raise TextToSpeechError(f"{self._path}: {name} is {list(found)}, not {list(shape)}")
        self._left.remove(name)
        # Opened for this one alone and copied: what is mapped stays in memory as long as the file.
        with _opened(self._path) as file:
            tensor: Tensor = file.get_tensor(name)
        if not tensor.is_floating_point():
            raise TextToSpeechError(f"{self._path}: {name} is {tensor.dtype}, not floating point")
        return tensor.to(self._device, self._dtype, copy=True)

    def ignore(self, prefix: str) -> None:
        """Leave out the tensors whose names start so: they are known, and not needed."""
        self._left = {name for name in self._left if not name.startswith(prefix)}

    def finish(self) -> None:
        """Raise TextToSpeechError if the file holds tensors that nobody took."""
        if self._left:
            names = sorted(self._left)
            shown = ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
            raise TextToSpeechError(f"{self._path} has {len(names)} unknown tensors: {shown}")


@contextmanager
def open_weights(folder: Path, device: torch.device, dtype: torch.dtype) -> Iterator[Weights]:
    """Open a folder's `model.safetensors`; on leaving, every tensor must have been taken.

    Raises TextToSpeechError: no such file, a pickle file instead, a damaged file, or other tensors
    than the configuration asks for.
    """
    from safetensors import SafetensorError

    path = folder / "model.safetensors"
    if not path.is_file():
        pickles = [name for name in PICKLES if (folder / name).exists()]
        instead = f" ({pickles[0]} is a pickle file, which is never loaded)" if pickles else ""
        raise TextToSpeechError(f"no weights at {path}{instead}")
    try:
        weights = Weights(path, device, dtype)
        yield weights
        weights.finish()
    except SafetensorError as error:
        raise TextToSpeechError(
            f"{path} is cut off or not a safetensors file ({error}): download it again"
        ) from None


def _opened(path: Path) -> Any:
    from safetensors import safe_open

    return safe_open(str(path), "pt", device="cpu")
