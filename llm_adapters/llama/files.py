"""A model's file: a path, or a file of a repository in the cache or on the Hugging Face hub."""

import re
import struct
from fnmatch import fnmatch
from pathlib import Path

from llm_adapters.protocol import LanguageModelError

SUFFIX = ".gguf"
QUANTISATION = "Q4_K_M"
"""Of a repository's files where none is named: small, and hardly worse than the whole model."""
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_HEADER = struct.Struct("<4sIQQ")
"""Magic, version, and the numbers of tensors and of entries of metadata."""
_VERSIONS = (2, 3)
_MOST = 1 << 20
"""Tensors, or entries: nobody has as many."""


def find_model(source: str) -> Path:
    """Find a model's file, downloading it (with a progress bar) if need be, and look at it.

    `source` is a path, or `owner/name:FILE.gguf`, or `owner/name:Q4_K_M`. Blocking. Raises
    LanguageModelError.
    """
    path = find_cached(source) or _fetch(*_parse(source))
    check(path)
    return path


def find_cached(source: str) -> Path | None:
    """Find a model's file on this machine; None for one that is to be downloaded.

    Blocking. Raises LanguageModelError for what is neither.
    """
    path = Path(source).expanduser()
    if path.is_file():
        return path
    from huggingface_hub import snapshot_download

    repository, patterns = _parse(source)
    try:
        folder = snapshot_download(repository, allow_patterns=patterns, local_files_only=True)
    except (OSError, ValueError):  # nothing of it, or no name that the hub allows
        return None
    return _first(Path(folder), patterns)


def check(path: Path) -> None:
    """Raise LanguageModelError for what is no GGUF file, by its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
    except OSError as error:
        raise LanguageModelError(f"{path} cannot be read: {error.strerror}") from error
    if len(head) < _HEADER.size or not head.startswith(b"GGUF"):
        raise LanguageModelError(f"{path} is no GGUF file: download it again, or name another")
    _, version, tensors, entries = _HEADER.unpack(head)
    if version not in _VERSIONS:
        raise LanguageModelError(f"{path} is GGUF of version {version}, not of 2 or 3")
    if not (0 < tensors < _MOST and 0 < entries < _MOST):
        raise LanguageModelError(f"{path} is damaged: download it again")


def _parse(source: str) -> tuple[str, list[str]]:
    """The repository, and which files of it: one by its name, or those of a quantisation."""
    repository, _, wanted = source.partition(":")
    if not _REPOSITORY.fullmatch(repository):
        raise LanguageModelError(
            f"there is no file {source}: llm.model is a GGUF file, or one of a repository on the "
            "hub, such as Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M"
        )
    if wanted.endswith(SUFFIX):
        return repository, [wanted]
    quantisation = wanted or QUANTISATION  # written in either case
    return repository, [f"*{q}*{SUFFIX}" for q in (quantisation.lower(), quantisation.upper())]


def _fetch(repository: str, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(repository, allow_patterns=patterns))
    except Exception as error:
        reason = next(iter(str(error.__cause__ or error).splitlines()), type(error).__name__)
        raise LanguageModelError(
            f"the language model {repository} is not on this machine and cannot be downloaded "
            f"({reason}): connect to the internet once, without HF_HUB_OFFLINE, or name a local "
            "file as llm.model"
        ) from error
    if (found := _first(folder, patterns)) is None:
        raise LanguageModelError(
            f"there is no {patterns[-1]} at https://huggingface.co/{repository}, or it is not "
            "downloaded yet and HF_HUB_OFFLINE is set"
        )
    return found


def _first(folder: Path, patterns: list[str]) -> Path | None:
    """The first part of a model in parts is the one that names the others."""
    files = sorted(each for each in folder.rglob(f"*{SUFFIX}") if each.is_file())
    names = ((each, each.relative_to(folder).as_posix()) for each in files)
    return next((each for each, name in names if any(fnmatch(name, p) for p in patterns)), None)
