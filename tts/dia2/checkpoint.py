"""A checkpoint's files: in a folder, or on the Hugging Face hub.

A repository is laid out like a folder: `config.json`, `model.safetensors` and the tokenizer's
files; the codec has a repository of its own. The small files come first: what is no Dia2 model
shows before gigabytes are downloaded. What is in the hub's cache needs no network.
"""

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tts.dia2.network.config import Dia2Config
from tts.files import inside, one_line, read_json
from tts.hub import find_folder, find_repository
from tts.protocol import TextToSpeechError
from tts.transformer.tensor_file import check_header, find_weights

MIMI = "kyutai/mimi"
MANIFEST = "dia2_assets.json"
"""Optional; may name `config`, `weights` (files) and `tokenizer`, `mimi` (folders, repositories).

Another name for it may stand in the environment as `DIA2_ASSET_MANIFEST`.
"""

_TEXTS = ("*.json", "*.txt")
_CODEC = ("config.json", "model.safetensors")
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
        weights = find_weights(source, folder, names.get("weights", "model.safetensors"))
        words = names.get("tokenizer") or config.tokenizer
        return cls(
            config,
            weights,
            find_folder(tokenizer, (), _TEXTS)
            if tokenizer
            else _part(folder, words, "tokenizer", (), _TEXTS) or folder,
            find_folder(mimi, _CODEC) if mimi else _codec(folder, names, config),
            _fingerprint(config_file, weights),
        )


def find_codec(source: str | Path) -> tuple[Dia2Config, Path]:
    """Find a model's configuration and its codec's folder, as `Checkpoint.find` does."""
    folder, _, config, names = _open(source)
    return config, _codec(folder, names, config)


def _open(source: str | Path) -> tuple[Path, Path, Dia2Config, Mapping[str, str]]:
    """A model's folder, in which its small files are, two of them read: configuration, manifest."""
    from tts.dia2.network import config_json

    manifest = os.environ.get("DIA2_ASSET_MANIFEST") or MANIFEST
    folder = find_folder(source, (), (*_TEXTS, manifest))
    names = _manifest(folder / manifest)
    path = inside(folder, names.get("config", "config.json"))
    if not path.exists():
        raise TextToSpeechError(f"{source} is not a Dia2 model: it has no {path.name}")
    try:
        return folder, path, config_json.read(path), names
    except TextToSpeechError as error:
        raise TextToSpeechError(f"{source} is not a usable Dia2 model: {error}") from None


def _manifest(path: Path) -> Mapping[str, str]:
    """What the manifest names; nothing if there is none, or (as published) if it is not valid."""
    try:
        found = read_json(path)
    except FileNotFoundError:
        return {}
    except TextToSpeechError as error:
        _log.warning("the manifest is ignored: %s", error)
        return {}
    if not isinstance(found, dict):
        _log.warning("%s is ignored: an object is expected", path)
        return {}
    return {key: value for key, value in found.items() if value and isinstance(value, str)}


def _part(
    folder: Path,
    named: str | None,
    usual: str,
    needed: Sequence[str],
    patterns: Sequence[str] = (),
) -> Path | None:
    """A part of the model: the folder in it, or the repository, that its files name.

    Without a name the folder where it usually is, if it is there.
    """
    place = inside(folder, named or usual)
    if place.is_dir():
        return place
    try:
        return find_repository(named, needed, patterns) if named else None
    except TextToSpeechError as error:
        said = f"{folder} names its {usual} {one_line(repr(named))}"
        raise TextToSpeechError(f"{said}: {error}") from None


def _codec(folder: Path, names: Mapping[str, str], config: Dia2Config) -> Path:
    named = names.get("mimi") or config.mimi
    return _part(folder, named, "mimi", _CODEC) or find_folder(MIMI, _CODEC)


def _fingerprint(config: Path, weights: Path) -> str:
    check_header(weights)
    digest = hashlib.sha256(config.read_bytes())
    with weights.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")  # safetensors: its size comes first
        digest.update(file.read(header))
        file.seek(max(0, weights.stat().st_size - _SAMPLE))
        digest.update(file.read(_SAMPLE))
    return digest.hexdigest()[:32]
