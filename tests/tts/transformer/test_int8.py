"""int8 products in compiled loops: near the exact ones, each row by itself."""

import pytest
import torch

from tts.transformer.cpu.helpers import Helpers
from tts.transformer.cpu.int8 import Int8
from tts.transformer.cpu.int8_loops import Room, supported

pytestmark = pytest.mark.skipif(not supported(), reason="the processor has no such instruction")


@pytest.mark.parametrize("size", [(1, 1), (64, 4), (70, 33), (300, 130)])
def test_a_product_is_near_and_every_row_by_itself(size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    weight, x = torch.randn(size), torch.randn(13, size[1])
    alone, helped = (Int8(weight, Helpers(count)) for count in (0, 2))
    found, exact = alone(x), x @ weight.T
    assert (found - exact).abs().max() < 0.03 * exact.abs().max()
    assert torch.equal(helped(x), found)
    assert torch.equal(torch.cat([alone(row[None]) for row in x]), found)
    before = torch.ones(13, size[0])
    torch.testing.assert_close(alone.add(x, before), found + 1)
    assert before.eq(1).all()


def test_what_is_no_number_stays_so() -> None:
    layer = Int8(torch.ones(3, 8), Helpers(0))
    assert not layer(torch.tensor([[torch.nan] * 8])).isfinite().any()


def test_room_is_not_given_twice() -> None:
    room = Room()
    parts = [room.take(size) for size in (100, 1, 5000)]
    for number, part in enumerate(parts):
        part[:] = number
    assert [set(part.tolist()) for part in parts] == [{0}, {1}, {2}]
    assert parts[0].ctypes.data % (2 << 20) == 0
