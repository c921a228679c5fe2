"""Tests of norm and product in one: PyTorch's numbers, at odd shapes."""

import pytest
import torch
from torch import Tensor

from tts.dia2.fast.gpu.check import plain_project
from tts.dia2.fast.gpu.kernels import project as kernels
from tts.dia2.fast.gpu.kernels.project import Blocks, Matrix, blocks, project

SILU, ODD = ("silu", "linear"), ("gelu", "relu")


def random(numbers: torch.Generator, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=numbers).to(dtype)


@pytest.mark.parametrize(("rows", "narrow"), [(1, True), (2, False), (3, True), (17, False)])
@pytest.mark.parametrize(
    ("outputs", "inputs", "norm", "add", "activations"),
    [
        (5, 16, None, False, None),
        (6, 40, 1e-5, False, None),
        (18, 24, None, True, None),
        (7, 40, 1e-2, False, SILU),
        (3, 16, None, True, ODD),
    ],
)
def test_as_in_pytorch(
    *,
    rows: int,
    narrow: bool,
    outputs: int,
    inputs: int,
    norm: float | None,
    add: bool,
    activations: tuple[str, str] | None,
    numbers: torch.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In several blocks along every axis."""
    cut = Blocks(rows, 4, 16, 4, 1) if rows <= 2 else Blocks(16, 16, 16, 4, 1)
    monkeypatch.setattr(kernels, "blocks", lambda *_, **__: cut)
    size = 2 * outputs if activations else outputs
    matrix = Matrix(random(numbers, size, inputs), None, activations)
    matrix = matrix.quantized() if narrow else matrix
    more = random(numbers, rows, outputs) if add else None
    x = random(numbers, rows, inputs)
    got = project(x, matrix, norm=norm, add=more)
    wanted = plain_project(x, matrix, norm=norm, add=more)
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)


def test_bfloat16(numbers: torch.Generator) -> None:
    """Rounded once, at the end, and here downwards. More than two rows cannot be tried: the
    interpreter multiplies the bits of a bfloat16 as if they were a whole number.
    """
    x, more = (random(numbers, 2, size, dtype=torch.bfloat16) for size in (40, 5))
    matrix = Matrix(random(numbers, 5, 40, dtype=torch.bfloat16))
    got = project(x, matrix, norm=1e-6, add=more)
    assert got.dtype == torch.bfloat16
    wanted = plain_project(x.float(), matrix, norm=1e-6, add=more.float())
    torch.testing.assert_close(got.float(), wanted, rtol=2**-7, atol=1e-6)
    logits = project(x, matrix, dtype=torch.float32)
    torch.testing.assert_close(logits, plain_project(x.float(), matrix), rtol=1e-5, atol=1e-5)


def test_a_row_is_its_own(numbers: torch.Generator) -> None:
    """Whatever is beside it, and as often as one asks."""
    matrix = Matrix(random(numbers, 6, 24))
    x = random(numbers, 4, 24)
    together = project(x, matrix, norm=1e-5)
    others = torch.cat((x[:1], 100 * x[1:]))
    assert torch.equal(project(others, matrix, norm=1e-5)[0], together[0])
    assert torch.equal(project(x[:1], matrix, norm=1e-5), project(x[:2], matrix, norm=1e-5)[:1])


def test_int8_is_near(numbers: torch.Generator) -> None:
    matrix = Matrix(random(numbers, 12, 64) * torch.logspace(-3, 3, 12)[:, None])
    narrow = matrix.quantized()
    assert narrow.weight.dtype == torch.int8
    assert narrow.bytes == matrix.bytes / 4
    assert narrow.scale is not None
    off = narrow.weight * narrow.scale[:, None] - matrix.weight
    assert (off.abs() <= narrow.scale[:, None] * 0.5001).all()


@pytest.mark.parametrize("rows", [1, 2, 4, 16, 32, 128])
@pytest.mark.parametrize(("outputs", "inputs"), [(4096, 2048), (2048, 6144), (1024, 1024)])
def test_the_real_sizes_fill_a_gpu(rows: int, outputs: int, inputs: int) -> None:
    cut = blocks(rows, outputs, inputs, gated=False)
    assert outputs % cut.outputs == inputs % cut.inputs == 0
    assert outputs // cut.outputs >= (128 if rows <= 2 else 64)
    assert cut.rows >= min(rows, 128)
