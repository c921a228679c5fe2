"""A safetensors file: its header checked, one tensor in flight.

Each tensor is mapped, converted on the device, and let go before the next one: loading takes no
more memory than the weights, also when they change their type or order.
"""

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from tts.files import inside, one_line, open_file, read_json
from tts.hub import fetch
from tts.protocol import TextToSpeechError

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_CONVERT = (
    "if it is from somebody you trust, `from safetensors.torch import save_file; "
    "d = torch.load(FILE, weights_only=True); save_file(d.get('state_dict', d), "
    "'model.safetensors')` converts it"
)
SHOWN = 4  # names of tensors in a message
HEADER_LIMIT = 2 << 20  # bytes; that of the published 2B has some 200 KB
LARGE = 1 << 20  # bytes of a tensor after which freed memory is given back


Shape = tuple[int, ...]


class Tensors(Protocol):
    """Tensors by name, each read when it is asked for."""

    @property
    def path(self) -> Path:
        """Where they are, for messages."""

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """Of all of them."""

    def read(self, name: str, device: torch.device, dtype: torch.dtype) -> Tensor:
        """Read one of them. Raises TextToSpeechError."""


class TensorFile:
    """The tensors of a safetensors file, each read when it is asked for.

    Raises TextToSpeechError: no such file, not a safetensors file (pickle files are never read),
    cut off.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as file:
            self.shapes: dict[str, Shape] = {
                name: tuple(file.get_slice(name).get_shape())
                for name in file.keys()  # noqa: SIM118
            }

    def read(self, name: str, device: torch.device, dtype: torch.dtype) -> Tensor:
        """Read one of its tensors. Raises TextToSpeechError also if that has whole numbers."""
        # Opened for each: no file stays mapped, and what has been read is not in memory twice.
        with self._opened() as file:
            found = file.get_tensor(name)
            if not found.is_floating_point():
                raise TextToSpeechError(f"{self.path}: {name} is {found.dtype}, not floating point")
            if found.nbytes >= LARGE:
                _give_back_freed_memory()
            tensor = torch.empty(found.shape, dtype=dtype, device=device)
            tensor.copy_(found.to(device))  # a GPU converts it faster
        return tensor

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        from safetensors import SafetensorError, safe_open

        try:
            check_header(self.path)
            with safe_open(str(self.path), "pt", device="cpu") as file:
                yield file
        except FileNotFoundError:
            beside = pickle_beside(self.path)
            raise TextToSpeechError(f"no weights at {self.path}{beside}") from None
        except SafetensorError as error:
            raise unreadable(self.path, error) from None
        except OSError as error:
            raise TextToSpeechError(f"cannot read {self.path}: {one_line(error)}") from None


class Shards:
    """The tensors of a checkpoint in several files, as its index names them.

    Raises TextToSpeechError: as `TensorFile`, an index that is none, or names a file outside of its
    folder or with other tensors.
    """

    def __init__(self, index: Path) -> None:
        self.path = index
        found = self._index(index)
        files = {name: TensorFile(inside(index.parent, name)) for name in set(found.values())}
        self._files = {name: files[file] for name, file in found.items()}
        for file in files.values():
            named = {name for name, its in self._files.items() if its is file}
            if odd := sorted(named ^ set(file.shapes)):
                raise TextToSpeechError(f"{index} and {file.path.name} differ: {odd[0]}")
        self.shapes = {name: file.shapes[name] for name, file in self._files.items()}

    @classmethod
    def names(cls, index: Path) -> list[str]:
        """The files that an index names. Raises TextToSpeechError."""
        return sorted(set(cls._index(index).values()))

    @staticmethod
    def _index(path: Path) -> dict[str, str]:
        """Which file each tensor is in."""
        said = read_json(path)
        found = said.get("weight_map") if isinstance(said, dict) else None
        if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
            raise TextToSpeechError(f"{path} has no weight_map from tensors to files")
        return found

    def read(self, name: str, device: torch.device, dtype: torch.dtype) -> Tensor:
        """Read one of them. Raises TextToSpeechError."""
        return self._files[name].read(name, device, dtype)


def find_weights(source: str | Path, folder: Path, name: str) -> Path:
    """Find a file of weights in a model's folder; if `source` is a repository, download it.

    Raises TextToSpeechError.
    """
    path = inside(folder, name)
    if not Path(source).expanduser().is_dir():
        # The same revision as the rest, which may have been in the cache for a long time.
        path = inside(fetch(str(source), (name,), revision=folder.name), name)
    if path.suffix in PICKLES:
        raise TextToSpeechError(f"{path} is a pickle file, which is never loaded")
    if not path.is_file():
        raise TextToSpeechError(f"{source} has no {name}{pickle_beside(path)}")
    return path


def check_header(path: Path) -> None:
    """Refuse a header that is too long to be one, before it is read into memory.

    Raises FileNotFoundError, TextToSpeechError.
    """
    with open_file(path) as file:
        size = int.from_bytes(start := file.read(8), "little")
    if size > HEADER_LIMIT:
        raise unreadable(path, f"a header of {size} bytes", start)


def unreadable(path: Path, why: object, start: bytes = b"") -> TextToSpeechError:
    """What is wrong with a file that is not safetensors, and what to do."""
    if start.startswith((b"PK", b"\x80\x02", b"\x80\x04")):
        why = "it looks like a pickle file, which is never loaded"
    return TextToSpeechError(
        f"{path} is cut off or not a safetensors file ({one_line(why)}): download it again"
    )


def pickle_beside(path: Path) -> str:
    """What to say of pickle files in the place of one that is missing; nothing without any."""
    with suppress(OSError):
        for other in sorted(path.parent.iterdir()):
            if other.suffix in PICKLES:
                return f" ({other.name} is a pickle file, which is never loaded: {_CONVERT})"
    return ""


def _give_back_freed_memory() -> None:
    """Have glibc return what was freed: it keeps tensors of up to 32 MiB for itself, and between
    those that stay it finds no room for the next, which made loading take 6 % more.
    """
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
