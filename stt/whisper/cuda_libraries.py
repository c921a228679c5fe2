"""NVIDIA's libraries where pip puts them: CTranslate2 only looks where the system keeps them."""

import ctypes
import sys
from pathlib import Path

PACKAGES = ("cuda_runtime", "cublas", "cudnn", "cu13")
"""Folders of `nvidia` in site-packages whose libraries CTranslate2 needs."""

EXCLUDED = "libnvblas"
"""It would take every BLAS call of the process, whoever makes it."""


def preload() -> list[str]:
    """Load cuBLAS and cuDNN, if they came as wheels, so that they are found by their names.

    As good as LD_LIBRARY_PATH, which cannot be set for a process that runs already. Returns the
    names of the libraries; those that cannot be loaded are left for CTranslate2 to complain of.
    """
    folders = [
        Path(entry, "nvidia", package, "lib")
        for entry in sys.path
        for package in PACKAGES
        if Path(entry, "nvidia", package, "lib").is_dir()
    ]
    waiting = sorted(
        file
        for folder in folders
        for file in folder.glob("lib*.so*")
        if not file.name.startswith(EXCLUDED)
    )
    loaded: list[str] = []
    while waiting:  # a library that needs another is tried again after that one
        failed = [file for file in waiting if not _load(file)]
        loaded += [file.name for file in waiting if file not in failed]
        if len(failed) == len(waiting):
            break
        waiting = failed
    return loaded


def _load(library: Path) -> bool:
    try:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True
