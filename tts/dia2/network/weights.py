"""The state dict of a checkpoint: every tensor and shape checked, one tensor in flight.

Each tensor is mapped, converted on the device, and let go before the next one: loading takes no
more memory than the weights, also when they change their type or order.
"""

import ctypes
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tts.protocol import TextToSpeechError

SHOWN = 4  # names per kind of mismatch in a message
LARGE = 1 << 20  # bytes of a tensor after which freed memory is given back


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
    """The tensors of a safetensors file, each read when it is asked for.

    They come in the types of `like` (parameters, which may be on the meta device), on a device.
    """

    def __init__(self, path: Path, like: Weights, device: torch.device) -> None:
        self._path, self._like, self._device = path, like, device

    def __getitem__(self, name: str) -> Tensor:
        from safetensors import safe_open

        like = self._like[name]
        if like.nbytes >= LARGE:
            _give_back_freed_memory()
        tensor = torch.empty(like.shape, dtype=like.dtype, device=self._device)
        # Opened for each: no file stays mapped, and what has been read is not in memory twice.
        with _explained(self._path), safe_open(str(self._path), "pt", device="cpu") as file:
            tensor.copy_(file.get_tensor(name).to(self._device))  # a GPU converts it faster
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._like)

    def __len__(self) -> int:
        return len(self._like)


def open_weights(path: Path, like: Weights, device: torch.device) -> StateDict:
    """Open a safetensors file that holds the tensors of `like`, and no others.

    Raises TextToSpeechError: no such file, not a safetensors file (pickle files are never read),
    cut off, other tensors or other shapes.
    """
    from safetensors import safe_open

    with _explained(path), safe_open(str(path), "pt", device="cpu") as file:
        found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    _check({name: tuple(each.shape) for name, each in like.items()}, found, path)
    return StateDict(path, like, device)


def fill(module: nn.Module, weights: Weights, prefix: str = "") -> None:
    """Give a module made on the meta device its parameters, by their names after `prefix`."""
    for name, _ in list(module.named_parameters()):
        owner, _, leaf = name.rpartition(".")
        value = nn.Parameter(weights[prefix + name], requires_grad=False)
        setattr(module.get_submodule(owner), leaf, value)


def load_weights(module: nn.Module, path: Path, device: torch.device) -> None:
    """Fill a module made on the meta device from a safetensors file. Raises TextToSpeechError."""
    fill(module, open_weights(path, dict(module.named_parameters()), device))


def _give_back_freed_memory() -> None:
    """Have glibc return what was freed: it keeps tensors of up to 32 MiB for itself, and between
    those that stay it finds no room for the next, which made loading take 6 % more.
    """
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What can be wrong with a file, as a TextToSpeechError that says so."""
    from safetensors import SafetensorError

    try:
        yield
    except FileNotFoundError:
        raise TextToSpeechError(f"no weights at {path}") from None
    except SafetensorError as error:
        raise TextToSpeechError(_unreadable(path, error)) from None
    except OSError as error:
        raise TextToSpeechError(f"cannot read {path}: {error.strerror or error}") from None


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
