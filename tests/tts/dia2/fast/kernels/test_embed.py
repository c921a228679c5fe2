"""A test of a column's embeddings in one kernel."""

import pytest
import torch

from tts.dia2.fast.gpu.check import plain_embed
from tts.dia2.fast.gpu.kernels.embed import Tables, embed


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("codebooks", "width"), [(5, 40), (4, 130)])
def test_as_in_pytorch(
    dtype: torch.dtype, codebooks: int, width: int, numbers: torch.Generator
) -> None:
    main, second, audio = (
        torch.randn((rows, width), generator=numbers).to(dtype) for rows in (9, 9, 7 * codebooks)
    )
    tables = Tables(main, second, audio, 7)
    tokens = torch.randint(7, (2, 2 + codebooks), generator=numbers)
    tokens[1] = 6
    got, wanted = embed(tokens, tables), plain_embed(tokens, tables)
    assert got.dtype == dtype
    torch.testing.assert_close(got, wanted, rtol=2**-7 if dtype == torch.bfloat16 else 0, atol=1e-5)
