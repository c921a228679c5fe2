"""Models' files: a folder that mirrors the hub, and whether what was downloaded arrived whole.

Engines download for themselves, with a progress bar, and go on where a download broke off. The
hub's cache calls each file by its checksum; a mirror has a list of them, as `sha256sum` writes it.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from agent.errors import ParleyError
from agent.setup.plan import Download

SUMS = "SHA256SUMS"
"""A mirror's list of checksums: `sha256sum --check SHA256SUMS` reads it, too."""
_PIECE = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def check_cached(downloads: Sequence[Download]) -> int:
    """Compare what the hub's cache holds with its checksums; return how many files were compared.

    Blocking. Raises ParleyError, which names the file to delete.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    count = 0
    for each in downloads:
        files = [*each.files]
        try:
            folder = snapshot_download(each.repository, allow_patterns=files, local_files_only=True)
        except LocalEntryNotFoundError:
            continue  # its engine was given another place
        for path in _matching(Path(folder), files):
            blob = path.resolve()
            if (wanted := _named_by_checksum(blob)) is not None:
                count += 1
                if wanted != _checksum(blob, wanted):
                    raise ParleyError(f"{path} is damaged: delete {blob}, and run this again")
    return count


def check_mirror(mirror: Path, downloads: Sequence[Download]) -> int:
    """Compare files of a mirror with its list; return how many were compared.

    Blocking. Raises ParleyError where one is missing or damaged, or there is no list.
    """
    sums = read_sums(mirror)
    count = 0
    for each in downloads:
        listed = [name for name in sums if _is_of(name, each)]
        if not listed:
            raise ParleyError(
                f"{mirror} has nothing of {each.repository}: fill it where there is a network, "
                f"parley setup --fill-mirror {mirror}"
            )
        for name in listed:
            path = mirror / name
            if not path.is_file() or _sha256(path) != sums[name]:
                raise ParleyError(f"{path} is damaged or missing: copy the mirror again")
            count += 1
    return count


def fill_mirror(mirror: Path, downloads: Sequence[Download]) -> int:
    """Download into a mirror, with progress, what it lacks; return how many files it has of it.

    Blocking. Raises ParleyError.
    """
    from huggingface_hub import snapshot_download

    for each in downloads:
        try:
            snapshot_download(
                each.repository,
                allow_patterns=[*each.files],
                local_dir=mirror / each.repository,
            )
        except Exception as error:
            reason = next(iter(str(error.__cause__ or error).splitlines()), "")
            raise ParleyError(f"{each.repository} cannot be downloaded ({reason})") from error
    names = {
        str(path.relative_to(mirror).as_posix())
        for each in downloads
        for path in _matching(mirror / each.repository, each.files)
    }
    sums = {**read_sums(mirror, missing=True), **{n: _sha256(mirror / n) for n in sorted(names)}}
    try:
        lines = "".join(f"{checksum}  {name}\n" for name, checksum in sorted(sums.items()))
        (mirror / SUMS).write_text(lines, "utf-8")
    except OSError as error:
        raise ParleyError(f"{mirror} cannot be written: {error.strerror}") from error
    return len(names)


def read_sums(mirror: Path, *, missing: bool = False) -> dict[str, str]:
    """Read the checksums of a mirror. Raises ParleyError when it is none, unless it may be."""
    try:
        lines = (mirror / SUMS).read_text("utf-8").splitlines()
    except OSError as error:
        if missing:
            return {}
        raise ParleyError(
            f"{mirror} is no mirror, it has no {SUMS} ({error.strerror}): make one where there is "
            f"a network, parley setup --fill-mirror {mirror}"
        ) from error
    found = (_LINE.fullmatch(line) for line in lines)
    return {match[2]: match[1] for match in found if match is not None}


def _is_of(name: str, download: Download) -> bool:
    prefix = f"{download.repository}/"
    rest = name.removeprefix(prefix)
    return name.startswith(prefix) and any(fnmatch(rest, each) for each in download.files)


def _matching(folder: Path, patterns: Sequence[str]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and any(fnmatch(name, each) for each in patterns):
            yield path


def _named_by_checksum(blob: Path) -> str | None:
    """Return the checksum that a file of the cache is called by: SHA-256, or git's SHA-1."""
    return blob.name if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", blob.name) else None


def _checksum(blob: Path, wanted: str) -> str:
    if len(wanted) == 64:
        return _sha256(blob)
    data = blob.read_bytes()  # a small one: large ones have the other
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _sha256(path: Path) -> str:
    sum_ = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            sum_.update(piece)
    return sum_.hexdigest()
