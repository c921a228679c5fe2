"""A checkpoint's files: in a folder, or on the Hugging Face hub.

In Transformers' layout or in the original one; the codec has a folder or a repository of its own.
The small files come first: what is no Dia model shows before gigabytes are downloaded.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tts.dia.network.config import DiaConfig
from tts.dia.network.sampling import Sampling
from tts.files import inside
from tts.hub import find_folder
from tts.protocol import TextToSpeechError
from tts.transformer.tensor_file import Shards, TensorFile, Tensors, find_weights

DAC = "descript/dac_44khz"

_TEXTS = ("*.json",)
_CODEC = ("config.json", "model.safetensors")
_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Checkpoint:
    """Names a model's files, all on this machine, and holds what the small ones say."""

    config: DiaConfig
    sampling: Sampling
    """How the model is to be sampled by itself."""
    weights: Tensors
    dac: Path
    """Folder."""

    @classmethod
    def find(cls, source: str | Path, *, dac: str | Path | None = None) -> Self:
        """Find a model's files, downloading (with progress bars) what is not on this machine.

        `source` and `dac` are folders or repositories (owner/name). Without `dac` it is the folder
        of that name in the model's own, or else descript/dac_44khz. Raises TextToSpeechError.
        """
        from tts.dia.network import config_json

        folder = find_folder(source, (), _TEXTS)
        path = inside(folder, "config.json")
        if not path.exists():
            raise TextToSpeechError(f"{source} is not a Dia model: it has no config.json")
        try:
            config = config_json.read(path)
            sampling = config_json.read_sampling(inside(folder, "generation_config.json"))
        except TextToSpeechError as error:
            raise TextToSpeechError(f"{source} is not a usable Dia model: {error}") from None
        weights = _weights(source, folder)
        return cls(config, sampling, weights, _codec(folder, dac))


def find_codec(source: str | Path, dac: str | Path | None = None) -> Path:
    """Find only the codec's folder, as `Checkpoint.find` does; the model need not be there.

    Raises TextToSpeechError.
    """
    if dac is not None:
        return find_folder(dac, _CODEC)
    folder = Path(source).expanduser()
    return _codec(folder, None) if folder.is_dir() else find_folder(DAC, _CODEC)


def _weights(source: str | Path, folder: Path) -> Tensors:
    """In one file, or in several with an index."""
    index = inside(folder, _INDEX)
    if not index.is_file():
        return TensorFile(find_weights(source, folder, "model.safetensors"))
    for name in Shards.names(index):
        find_weights(source, folder, name)
    return Shards(index)


def _codec(folder: Path, dac: str | Path | None) -> Path:
    beside = inside(folder, "dac")
    if dac is None and beside.is_dir():
        return beside
    return find_folder(dac or DAC, _CODEC)
