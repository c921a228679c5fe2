"""A Whisper model's files: a local folder, the cache, or the Hugging Face hub."""

import os
from difflib import get_close_matches
from pathlib import Path

from stt.protocol import SpeechToTextError

FILES = ["config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"]
"""What a converted model consists of; `model.bin` and `tokenizer.json` are always there."""


def find_model(name: str) -> Path:
    """Find the folder of model `name`: one that is named, in the cache, or downloaded.

    A download shows a progress bar. Raises SpeechToTextError.
    """
    from faster_whisper.utils import _MODELS as REPOSITORIES

    folder = Path(name).expanduser()
    if folder.is_dir():
        missing = _missing(folder)
        if missing:
            raise SpeechToTextError(
                f"{folder} is no CTranslate2 Whisper model, it has no {missing}: "
                "name a folder made by ct2-transformers-converter"
            )
        return folder
    repository = REPOSITORIES.get(name, name)
    if repository.count("/") != 1 or name.startswith((".", "/", "~")):
        near = get_close_matches(name, REPOSITORIES, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"one of {', '.join(REPOSITORIES)}"
        if os.sep in name:
            hint = "there is no such folder"
        raise SpeechToTextError(f"whisper model '{name}' is unknown: {hint}")
    return _fetch(name, repository)


def _fetch(name: str, repository: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        cached = Path(snapshot_download(repository, allow_patterns=FILES, local_files_only=True))
        if not _missing(cached):
            return cached
    except LocalEntryNotFoundError:
        pass
    try:
        fetched = Path(snapshot_download(repository, allow_patterns=FILES))
    except Exception as error:
        reason = first_line(error.__cause__ or error)
        raise SpeechToTextError(
            f"whisper model '{name}' is not on this machine and {repository} cannot be "
            f"downloaded ({reason}): connect to the internet once, without HF_HUB_OFFLINE, or "
            "name a local folder as model"
        ) from error
    missing = _missing(fetched)
    if missing:
        raise SpeechToTextError(
            f"whisper model '{name}' is not complete, {fetched} has no {missing}: connect to the "
            "internet once, or name a CTranslate2 model such as base"
        )
    return fetched


def _missing(folder: Path) -> str | None:
    """What a model's folder lacks, if anything."""
    needed = ("model.bin", "tokenizer.json")
    return next((file for file in needed if not (folder / file).is_file()), None)


def first_line(error: BaseException) -> str:
    """Return what people need to read of an error."""
    return next(iter(str(error).splitlines()), type(error).__name__)
