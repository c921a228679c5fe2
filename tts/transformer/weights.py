"""The state dict of a checkpoint: every tensor and shape checked, one tensor in flight."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tts.protocol import TextToSpeechError
from tts.transformer.tensor_file import SHOWN, Shape, TensorFile, Tensors


class NoInitialValues(TorchFunctionMode):
    """Modules made within have parameters without values, which come from a file anyway.

    On the meta device a value is not even computed, but PyTorch imports its compiler to know that:
    seconds, and 70 MB. (For the same reason nothing is made here to be like a parameter there.)
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        del types
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


Weights = Mapping[str, Tensor]
"""A state dict: tensors by their names, which may be made only when asked for."""


class StateDict(Weights):
    """The tensors of a file, each read when it is asked for.

    They come in given types, on a device.
    """

    def __init__(
        self, file: Tensors, dtypes: Mapping[str, torch.dtype], device: torch.device
    ) -> None:
        self._file, self._dtypes, self._device = file, dtypes, device

    def __getitem__(self, name: str) -> Tensor:
        return self._file.read(name, self._device, self._dtypes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._dtypes)

    def __len__(self) -> int:
        return len(self._dtypes)


def open_weights(path: Path, like: Weights, device: torch.device) -> StateDict:
    """Open a safetensors file that holds the tensors of `like` (parameters, which may be on the
    meta device), and no others, in the same types.

    Raises TextToSpeechError as `TensorFile` does, and for other tensors or other shapes.
    """
    file = TensorFile(path)
    check_tensors({name: tuple(each.shape) for name, each in like.items()}, file)
    return StateDict(file, {name: each.dtype for name, each in like.items()}, device)


def fill(module: nn.Module, weights: Weights, prefix: str = "") -> None:
    """Give a module made on the meta device its parameters, by their names after `prefix`."""
    for name, _ in list(module.named_parameters()):
        owner, _, leaf = name.rpartition(".")
        value = nn.Parameter(weights[prefix + name], requires_grad=False)
        setattr(module.get_submodule(owner), leaf, value)


def check_tensors(expected: Mapping[str, Shape], file: Tensors) -> None:
    """Raise TextToSpeechError if a file has other tensors or other shapes than expected."""
    found = file.shapes
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    shapes = [
        f"{name} is {_shape(found[name])}, not {_shape(shape)}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    parts = [
        f"{len(names)} {what}: {', '.join(names[:SHOWN])}{' …' if len(names) > SHOWN else ''}"
        for what, names in (
            ("missing", missing),
            ("unknown", unknown),
            ("of another shape", shapes),
        )
        if names
    ]
    if parts:
        raise TextToSpeechError(
            f"{file.path} does not hold the tensors its config.json describes; {'; '.join(parts)}"
        )


def _shape(shape: Shape) -> str:
    return "x".join(str(size) for size in shape)
