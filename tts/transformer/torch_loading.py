"""Loading PyTorch in a thread without holding up the others, above all the event loop.

Two things would stop the whole interpreter: the dynamic linker, which takes a third of a second for
PyTorch's libraries and is called by `import` with the interpreter's lock held; and the search for
garbage among the hundreds of thousands of objects that come with it, again and again, even though
they are there to stay.
"""

import atexit
import ctypes
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tts.extras import pip_install
from tts.protocol import TextToSpeechError

# The last two hold PyTorch's operators and take long; one of them is there for a GPU only. What
# the first brings in is visible to everything, as when PyTorch itself loads it.
_LIBRARIES = ("libtorch_global_deps.so", "libtorch_cpu.so", "libtorch_cuda.so")


@contextmanager
def loading() -> Iterator[None]:
    """Around what loads things that stay: they are not searched for garbage before the end.

    Then they are, or libraries that count their objects (Triton's does) complain of leaks.
    """
    enabled = gc.isenabled()
    gc.disable()
    atexit.unregister(gc.unfreeze)
    atexit.register(gc.unfreeze)
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def link_torch() -> None:
    """Have PyTorch's libraries linked, which `import torch` then finds done.

    Where that cannot be done so (Linux only) the import does it by itself.
    """
    if "torch" in sys.modules or sys.platform != "linux":
        return
    found = find_spec("torch")
    if found is None or found.origin is None:
        return
    # A foreign function runs without the lock; `ctypes.CDLL(path)` would link with it.
    with suppress(AttributeError):
        link = ctypes.CDLL(None).dlopen
        link.argtypes, link.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
        for name in _LIBRARIES:
            scope = os.RTLD_GLOBAL if "global" in name else os.RTLD_LOCAL
            link(os.fsencode(Path(found.origin).parent / "lib" / name), os.RTLD_LAZY | scope)


def import_modules(names: Sequence[str], *, model: str, extra: str) -> None:
    """Import a model's modules, and PyTorch with them.

    Raises TextToSpeechError, naming the model and the extra that installs what it needs.
    """
    with loading():
        link_torch()
        try:
            for name in names:
                import_module(name)
        except ImportError as error:
            install = pip_install(f"parley-voice[{extra}]")
            raise TextToSpeechError(f"{model} needs PyTorch ({error}): {install}") from None
