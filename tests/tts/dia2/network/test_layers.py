"""Tests of the layers against their formulas."""

import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.paths import GOLDENS
from tts.dia2.network import config_json
from tts.dia2.network.layers import Gated, Norm, TextEmbedding
from tts.dia2.network.model import rotary
from tts.transformer.layers import attend, rotate
from tts.transformer.shape import Transformer

A32 = config_json.read(GOLDENS / "a32/config.json")


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_norm() -> None:
    norm = Norm(8, 1e-6)
    norm.weight = torch.nn.Parameter(random(8, seed=1))
    x = random(3, 8)
    wanted = x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * norm.weight
    torch.testing.assert_close(norm(x), wanted)
    half = norm(x.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half, norm(x.bfloat16().float()).bfloat16(), rtol=0, atol=0)


def test_rotary_is_the_published_table() -> None:
    recorded = load_file(GOLDENS / "a32/net.safetensors")
    positions = rotary(A32, replace(A32.decoder, head_dim=16), torch.device("cpu"))
    cos, sin = positions.angles(torch.arange(64), torch.float32)
    assert torch.equal(cos[:, 0], recorded["rope_cos"][:, :8])
    assert torch.equal(sin[:, 0], recorded["rope_sin"][:, :8])


def test_rotation_turns_by_the_difference_of_positions() -> None:
    positions = rotary(A32, replace(A32.decoder, head_dim=8), torch.device("cpu"))
    q, k = random(1, 1, 8), random(1, 1, 8, seed=1)

    def product(at: int, other: int) -> float:
        places = (positions.angles(torch.tensor([place]), torch.float32) for place in (at, other))
        return float((rotate(q, next(places)) * rotate(k, next(places))).sum())

    assert product(5, 3) == pytest.approx(product(1005, 1003), abs=1e-4)
    assert product(5, 3) != pytest.approx(product(5, 4), abs=1e-3)


def test_attention_with_groups_and_a_mask() -> None:
    heads, kv_heads, dim, keys = 4, 2, 8, 5
    q, k, v = random(2, 3, heads, dim), random(2, kv_heads, keys, dim), random(2, kv_heads, keys, 8)
    mask = torch.arange(keys) <= torch.arange(2, 5)[:, None]
    got = attend(q, k, v, mask[None])
    for head in range(heads):
        scores = torch.einsum("btd,bnd->btn", q[:, :, head], k[:, head // 2])  # scale 1
        weights = scores.masked_fill(~mask, -math.inf).softmax(-1)
        torch.testing.assert_close(got[:, :, head], weights @ v[:, head // 2])


def test_text_embedding_is_silent_where_the_second_stream_pads() -> None:
    embedding = TextEmbedding(A32, width=6, rank=4, dtype=torch.float32)
    ids = torch.tensor([A32.pad, 9])
    first = embedding.main_proj(embedding.embedding(ids))
    silent = torch.full((2,), A32.pad)
    torch.testing.assert_close(embedding(ids, silent), first)  # a pad on main is a token
    ahead = embedding.second_proj(embedding.embedding(torch.tensor([5, 5])))
    torch.testing.assert_close(embedding(ids, torch.tensor([5, 5])), first + ahead)


@pytest.mark.parametrize("name", ["silu", "gelu", "relu", "linear"])
def test_gated_mlp(name: str) -> None:
    shape = Transformer(1, 4, 6, 1, 1, 4, (name, "linear"))
    mlp, x = Gated(shape, torch.float32), random(2, 4)
    gate, up = x @ mlp.wi.weight[:6].T, x @ mlp.wi.weight[6:].T
    active = {
        "silu": gate * gate.sigmoid(),
        "gelu": gate * (1 + torch.erf(gate / math.sqrt(2))) / 2,
        "relu": gate.clamp(min=0),
        "linear": gate,
    }[name]
    torch.testing.assert_close(mlp(x), active * up @ mlp.wo.weight.T)
