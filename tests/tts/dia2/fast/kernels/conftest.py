"""The kernels run in Triton's interpreter here, on a CPU.

That is decided when Triton and the kernels are imported, and is for these tests alone. It is slow,
some milliseconds for each program of a kernel, hence the small shapes.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch

collect_ignore_glob: list[str] = []

if find_spec("triton") is None:  # it is for Linux only
    collect_ignore_glob.append("test_*.py")
else:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        import tts.dia2.fast.gpu.model  # noqa: F401


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Triton imports more of itself when a kernel is called.

    It also makes its language over to the interpreter anew whenever one of its functions calls
    another: once is enough, and three times as fast. Older ones (3.6) want an older NumPy, which
    takes an array of one number for that number.
    """
    from triton import language
    from triton.runtime import interpreter

    def call(self: Any, *args: Any, **options: Any) -> Any:
        return self.rewrite()(*args, **options)

    make_over = interpreter._patch_lang_tensor

    def make_tensors_over(tensor: Any, scope: Any) -> None:
        make_over(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: self.handle.data.item())

    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(interpreter, "_patch_lang_tensor", make_tensors_over)
    monkeypatch.setattr(interpreter.InterpretedFunction, "__call__", call)
    made_over = interpreter._patch_lang(language.sum.fn)
    with np.errstate(over="ignore", invalid="ignore"):
        yield
    made_over.restore()


@pytest.fixture
def numbers() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product as one program, which takes less time here."""
    from tts.dia2.fast.gpu.kernels import project

    def blocks(rows: int, outputs: int, inputs: int, *, gated: bool) -> project.Blocks:
        del gated
        high = rows if rows <= 2 else max(16, 1 << (rows - 1).bit_length())
        wide, deep = (max(16, 1 << (size - 1).bit_length()) for size in (outputs, inputs))
        return project.Blocks(high, wide, deep, 4, 1)

    monkeypatch.setattr(project, "blocks", blocks)
