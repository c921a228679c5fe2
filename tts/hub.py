"""Files of a model: in a folder, in the Hugging Face hub's cache, or downloaded from it."""

import errno
from collections.abc import Iterator, Sequence
from pathlib import Path

from tts.extras import pip_install
from tts.protocol import TextToSpeechError


def find_folder(source: str | Path, needed: Sequence[str], patterns: Sequence[str] = ()) -> Path:
    """Find a folder that holds the files `needed` and, if they exist, those matching `patterns`.

    `source` is the folder, or a repository (owner/name): what of it is not in the cache is
    downloaded, with a progress bar. Raises TextToSpeechError.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    return find_repository(source, needed, patterns)


def find_repository(
    source: str | Path, needed: Sequence[str], patterns: Sequence[str] = ()
) -> Path:
    """Do the same for a repository (owner/name), never a folder. Raises TextToSpeechError."""
    name = str(source)
    if isinstance(source, Path) or name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise TextToSpeechError(
            f"there is no folder {source}, and it is no repository (owner/name)"
        )
    return fetch(name, needed, patterns)


def fetch(
    repository: str,
    needed: Sequence[str],
    patterns: Sequence[str] = (),
    revision: str | None = None,
) -> Path:
    """Return a repository's folder in the cache, downloading what it lacks of those files.

    Raises TextToSpeechError.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError as error:
        install = pip_install("parley-voice[dia2]")
        raise TextToSpeechError(f"downloading needs huggingface_hub ({error}): {install}") from None
    wanted = [*needed, *patterns]
    try:
        cached = snapshot_download(
            repository, revision=revision, allow_patterns=wanted, local_files_only=True
        )
        if _holds(cached, needed) and any(Path(cached).iterdir()):
            return Path(cached)
    except LocalEntryNotFoundError:
        pass
    except ValueError as error:
        raise TextToSpeechError(_line(error)) from None
    try:
        fetched = snapshot_download(repository, revision=revision, allow_patterns=wanted)
    except Exception as error:
        raise TextToSpeechError(_why(repository, error)) from error
    return Path(fetched)


def _holds(folder: str, names: Sequence[str]) -> bool:
    return all((Path(folder) / name).is_file() for name in names)


def _why(repository: str, error: Exception) -> str:
    """What to do about a download that failed."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if any(isinstance(each, OSError) and each.errno == errno.ENOSPC for each in _causes(error)):
        return (
            f"the disk is full: {repository} cannot be downloaded; make room, or set HF_HOME to a "
            "folder on another disk (what has been downloaded is kept)"
        )
    if isinstance(error, GatedRepoError):
        return (
            f"{repository} is gated: accept its terms at https://huggingface.co/{repository} and "
            "log in with `hf auth login`"
        )
    response = getattr(error, "response", None)
    if isinstance(error, RepositoryNotFoundError) or getattr(response, "status_code", 0) == 401:
        return (
            f"there is no folder and no repository {repository}, or it is private: check the name, "
            "or log in with `hf auth login`"
        )
    reason = _line(list(_causes(error))[-1])
    return (
        f"{repository} is not on this machine and cannot be downloaded ({reason}): connect to the "
        "internet once, without HF_HUB_OFFLINE, or name a local folder"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
