"""Tests of attention in one kernel: PyTorch's numbers, whatever is filled, however it is shared."""

import pytest
import torch

from tts.dia2.fast.gpu.check import plain_attend
from tts.dia2.fast.gpu.kernels import attend as kernels
from tts.dia2.fast.gpu.kernels.attend import Heads, attend, shares

SLOTS = 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("branches", "heads", "kv_heads", "dim", "size", "lengths", "share"),
    [
        (2, 2, 1, 16, 20, [0, 19], 20),  # nothing there, and full
        (1, 2, 2, 6, 40, [33, 5], 10),  # four programs, most without an entry in the second slot
        (1, 3, 1, 8, 150, [140, 0], 75),  # several blocks each
    ],
)
def test_as_in_pytorch(
    *,
    dtype: torch.dtype,
    branches: int,
    heads: int,
    kv_heads: int,
    dim: int,
    size: int,
    lengths: list[int],
    share: int,
    numbers: torch.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "SHARE", share)
    rows = SLOTS * branches
    weight = torch.randn((heads + kv_heads, dim), generator=numbers) + dim**0.5
    shape = Heads(heads, kv_heads, dim, weight, 1e-5)
    assert shares(rows, heads, size) == -(-size // share)
    qkv = torch.randn((rows, (heads + 2 * kv_heads) * dim), generator=numbers).to(dtype)
    cache = (2, SLOTS, branches, kv_heads, size, dim)
    keys, values = torch.randn(cache, generator=numbers).to(dtype)
    angle = torch.randn((SLOTS, dim // 2), generator=numbers)
    angles = (angle.cos(), angle.sin()) if dim > 6 else None
    filled = torch.tensor(lengths)
    copies = keys.clone(), values.clone()
    wanted = plain_attend(qkv, shape, angles, *copies, filled, branches=branches)
    got = attend(qkv, shape, angles, keys, values, filled, branches=branches, entries=size)
    assert got.dtype == dtype
    exact = dtype == torch.float32
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5 if exact else 0.05)
    torch.testing.assert_close(keys, copies[0], rtol=2**-7, atol=1e-5)
    assert torch.equal(values, copies[1])


def test_one_length_and_angle_for_all(numbers: torch.Generator) -> None:
    """As in the depformer, whose stages are the same in every slot."""
    shape = Heads(2, 2, 8, torch.ones(4, 8), 1e-5)
    qkv = torch.randn((3, 48), generator=numbers)
    keys, values = torch.randn((2, 3, 2, 7, 8), generator=numbers)
    angle = torch.randn((7, 4), generator=numbers)[5:6]
    angles = angle.cos(), angle.sin()
    stage = torch.arange(7)[5:6]
    copies = keys.clone(), values.clone()
    wanted = plain_attend(qkv, shape, angles, *copies, stage)
    got = attend(qkv, shape, angles, keys, values, stage, entries=7)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(keys, copies[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("rows", "entries", "programs"), [(2, 256, 2), (2, 1504, 8), (32, 1504, 1), (128, 1504, 1)]
)
def test_the_real_sizes_fill_a_gpu(rows: int, entries: int, programs: int) -> None:
    assert shares(rows, 16, entries) == programs
