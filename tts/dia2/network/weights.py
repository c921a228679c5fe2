"""Checkpoint to parameters: every tensor and shape checked, one tensor in flight.

Each tensor is mapped, converted straight into its parameter on the device, and let go before the
next one: loading takes no more memory than the weights, also when they change their type.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from tts.protocol import TextToSpeechError

SHOWN = 4  # names per kind of mismatch in a message


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


def load_weights(module: nn.Module, path: Path, device: torch.device) -> None:
    """Fill a module made on the meta device from a safetensors file, on `device`.

    Every parameter keeps the type the module gave it. Raises TextToSpeechError: no such file, not
    a safetensors file (pickle files are never read), cut off, or other tensors than the module's.
    """
    from safetensors import SafetensorError, safe_open

    expected = dict(module.named_parameters())
    try:
        with safe_open(str(path), "pt", device="cpu") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        _check({name: tuple(p.shape) for name, p in expected.items()}, found, path)
        for name, parameter in expected.items():
            filled = torch.empty(parameter.shape, dtype=parameter.dtype, device=device)
            with safe_open(str(path), "pt", device="cpu") as file:
                filled.copy_(file.get_tensor(name).to(device))  # a GPU converts it faster
            _put(module, name, filled)
    except FileNotFoundError:
        raise TextToSpeechError(f"no weights at {path}") from None
    except SafetensorError as error:
        raise TextToSpeechError(_unreadable(path, error)) from None
    except OSError as error:
        raise TextToSpeechError(f"cannot read {path}: {error.strerror or error}") from None


def _put(module: nn.Module, name: str, value: torch.Tensor) -> None:
    owner, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(owner), leaf, nn.Parameter(value, requires_grad=False))


def _check(
    expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]], path: Path
) -> None:
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
            f"{path} does not hold the tensors its config.json describes; {'; '.join(parts)}"
        )


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in shape)


def _unreadable(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        start = file.read(2)
    if start in (b"PK", b"\x80\x02", b"\x80\x04"):
        return f"{path} looks like a pickle file, which is never loaded: safetensors is expected"
    return f"{path} is cut off or not a safetensors file ({error}): download it again"
