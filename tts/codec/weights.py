"""The codec's tensors: every one in the file is taken once, by name and shape."""

from pathlib import Path

import torch
from torch import Tensor

from tts.files import inside
from tts.protocol import TextToSpeechError
from tts.transformer.tensor_file import SHOWN, TensorFile


class Weights:
    """The tensors of a folder's `model.safetensors`, on a device and in the compute type."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        """Raises TextToSpeechError as `TensorFile` does."""
        self._file = TensorFile(inside(folder, "model.safetensors"))
        self._left = set(self._file.shapes)
        self._device, self._dtype = device, dtype

    def take(self, name: str, *shape: int) -> Tensor:
        """One tensor. Raises TextToSpeechError: not there, another shape, whole numbers."""
        path = self._file.path
        if name not in self._left:
            raise TextToSpeechError(f"{path} lacks the tensor {name}")
        found = self._file.shapes[name]
        if found != shape:
            raise TextToSpeechError(f"{path}: {name} is {list(found)}, not {list(shape)}")
        self._left.remove(name)
        return self._file.read(name, self._device, self._dtype)

    def ignore(self, prefix: str) -> None:
        """Leave out the tensors whose names start so: they are known, and not needed."""
        self._left = {name for name in self._left if not name.startswith(prefix)}

    def finish(self) -> None:
        """Raise TextToSpeechError if the file holds tensors that nobody took."""
        if self._left:
            names = sorted(self._left)
            shown = ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
            raise TextToSpeechError(f"{self._file.path} has {len(names)} unknown tensors: {shown}")
