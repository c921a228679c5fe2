"""A checkpoint's files: in a folder, or on the Hugging Face hub.

A repository is laid out like a folder: `config.json`, `model.safetensors` and the tokenizer's
files; the codec has a repository of its own. The small files come first: what is no Dia2 model
shows before gigabytes are downloaded. What is in the hub's cache needs no network.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tts.dia2.network.config import Dia2Config
from tts.hub import fetch, find_folder
from tts.protocol import TextToSpeechError

MIMI = "kyutai/mimi"
MANIFEST = "dia2_assets.json"
"""Optional; may name `config`, `weights` (files) and `tokenizer`, `mimi` (folders, repositories).

Another name for it may stand in the environment as `DIA2_ASSET_MANIFEST`.
"""

_TEXTS = ("*.json", "*.txt")
_CODEC = ("config.json", "model.safetensors")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_SAMPLE = 1 << 16  # bytes of the weights themselves in a fingerprint

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """Names a model's files, all on this machine, and holds its configuration."""

    config: Dia2Config
    weights: Path
    tokenizer: Path
    """Folder."""
    mimi: Path
    """Folder."""
    fingerprint: str
    """Of the configuration and the weights: two checkpoints that differ have two."""

    @classmethod
    def find(
        cls,
        source: str | Path,
        *,
        tokenizer: str | Path | None = None,
        mimi: str | Path | None = None,
    ) -> Self:
        """Find a model's files, downloading (with progress bars) what is not on this machine.

        `source`, `tokenizer` and `mimi` are folders or repositories (owner/name). Where the last
        two are not given, the manifest decides, then the configuration, then folders `tokenizer`
        and `mimi` beside it, then the model's own folder and kyutai/mimi. Raises TextToSpeechError.
        """
        folder, config_file, config, names = _open(source)
        tokenizer = tokenizer or _beside(
            folder, names.get("tokenizer") or config.tokenizer, "tokenizer", folder
        )
        weights = _weights(source, folder, names.get("weights", "model.safetensors"))
        return cls(
            config,
            weights,
            find_folder(tokenizer, (), _TEXTS),
            find_folder(mimi or _codec(folder, names, config), _CODEC),
            _fingerprint(config_file, weights),
        )


def find_codec(source: str | Path) -> tuple[Dia2Config, Path]:
    """Find a model's configuration and its codec's folder, as `Checkpoint.find` does."""
    folder, _, config, names = _open(source)
    return config, find_folder(_codec(folder, names, config), _CODEC)


def _open(source: str | Path) -> tuple[Path, Path, Dia2Config, Mapping[str, str]]:
    """A model's folder, in which its small files are, two of them read: configuration, manifest."""
    manifest = os.environ.get("DIA2_ASSET_MANIFEST") or MANIFEST
    folder = find_folder(source, (), (*_TEXTS, manifest))
    names = _manifest(folder / manifest)
    path = folder / names.get("config", "config.json")
    if not path.is_file():
        raise TextToSpeechError(f"{source} is not a Dia2 model: it has no {path.name}")
    try:
        return folder, path, Dia2Config.from_file(path), names
    except TextToSpeechError as error:
        raise TextToSpeechError(f"{source} is not a usable Dia2 model: {error}") from None


def _manifest(path: Path) -> Mapping[str, str]:
    """What the manifest names; nothing if there is none, or (as published) if it is not valid."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _log.warning("%s is ignored: %s", path, error)
        return {}
    if not isinstance(found, dict):
        _log.warning("%s is ignored: an object is expected", path)
        return {}
    return {key: value for key, value in found.items() if value and isinstance(value, str)}


def _beside(folder: Path, named: str | None, usual: str, otherwise: str | Path) -> str | Path:
    """A part of the model: as named (a path is relative to the model), or where it usually is."""
    inside = folder / (named or usual)
    if inside.is_dir():
        return inside
    return named or otherwise


def _codec(folder: Path, names: Mapping[str, str], config: Dia2Config) -> str | Path:
    return _beside(folder, names.get("mimi") or config.mimi, "mimi", MIMI)


def _weights(source: str | Path, folder: Path, name: str) -> Path:
    if not Path(source).expanduser().is_dir():
        # The same revision as the rest, which may have been in the cache for a long time.
        folder = fetch(str(source), (name,), revision=folder.name)
    path = folder / name
    if path.suffix in _PICKLES:
        raise TextToSpeechError(f"{path} is a pickle file, which is never loaded")
    if not path.is_file():
        found = [file.name for file in sorted(folder.iterdir()) if file.suffix in _PICKLES]
        instead = f" ({found[0]} is a pickle file, which is never loaded)" if found else ""
        raise TextToSpeechError(f"{source} has no {name}{instead}")
    return path


def _fingerprint(config: Path, weights: Path) -> str:
    digest = hashlib.sha256(config.read_bytes())
    with weights.open("rb") as file:
        header = int.from_bytes(
            file.read(8), "little"
        )  # safetensors: the header's size comes first
        size = weights.stat().st_size
        digest.update(file.read(min(header, size)))
        file.seek(max(0, size - _SAMPLE))
        digest.update(file.read(_SAMPLE))
    return digest.hexdigest()[:32]
