"""The backbone, fused: one projection for queries, keys and values, one table for all codebooks."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from tts.dia2.fast.layers import make_heads, make_mlp, make_qkv
from tts.dia2.network.config import Dia2Config
from tts.transformer import linear
from tts.transformer.fused import Attention, Block, RMSScale, folded, norm_weight
from tts.transformer.kv_cache import CacheView
from tts.transformer.layers import Rotary
from tts.transformer.linear import Linear, Pack
from tts.transformer.weights import Weights


class Backbone:
    """`tts.dia2.network.backbone.Backbone` for a few rows at a time."""

    def __init__(self, config: Dia2Config, weights: Weights, pack: Pack) -> None:
        self.config, self.shape = config, config.decoder
        name = "transformer.text_embed"
        self.text = weights[f"{name}.embedding.weight"]
        self.main: Linear = pack(weights[f"{name}.main_proj.weight"])
        self.second: Linear = pack(weights[f"{name}.second_proj.weight"])
        names = [f"transformer.audio_embeds.{each}.weight" for each in range(config.codebooks)]
        self.audio = stack(weights, names)
        device, dtype = self.audio.device, self.audio.dtype
        self.offsets = torch.arange(config.codebooks, device=device) * config.audio_vocab
        self.norm = RMSScale(config.decoder.width, config.eps, self.audio)
        self.blocks = [
            self._block(weights, f"transformer.layers.{each}", pack)
            for each in range(config.decoder.layers)
        ]
        self.weight = norm_weight(weights, "transformer.norm")
        actions = weights["transformer.action_head.weight"].to(dtype)
        self.action_head: Linear = linear.pack(actions)
        first = weights["transformer.cb0_head.weight"].to(dtype)
        self.first_head: Linear = pack(first)

    def _block(self, weights: Weights, layer: str, pack: Pack) -> Block:
        name, shape = f"{layer}.attn", self.shape
        q, k, v = (weights[f"{name}.{each}_proj.weight"] for each in "qkv")
        qkv = make_qkv(q, k, v, shape.head_dim)
        qkv = folded(qkv, norm_weight(weights, f"{layer}.pre_norm"))
        heads = make_heads(weights, name, shape, self.config.eps)
        out = weights[f"{name}.o_proj.weight"]
        attention = Attention(qkv, heads, out, self.norm, pack)
        return Block(attention, make_mlp(weights, layer, shape, self.norm, pack))

    def embed(self, tokens: Tensor) -> Tensor:
        """Columns [rows, 2 + codebooks] to vectors [rows, width]."""
        x = functional.embedding(tokens[:, 2:] + self.offsets, self.audio).sum(1)
        second = tokens[:, 1]
        silent = (second == self.config.pad)[:, None]
        ahead = self.second(self.text[second]).masked_fill_(silent, 0)
        return self.main.add(self.text[tokens[:, 0]], x.add_(ahead))

    def __call__(
        self, tokens: Tensor, positions: Tensor, rotary: Rotary, cache: CacheView
    ) -> Tensor:
        """Columns [..., 2 + codebooks] at positions [...] to normed hidden states [..., width]."""
        lead = tokens.shape[:-1]
        cos, sin = rotary.angles(positions, torch.float32)
        rope = torch.complex(cos, sin).expand(*lead, 1, -1).reshape(-1, 1, cos.shape[-1])
        x = self.embed(tokens.flatten(0, -2))
        for number, block in enumerate(self.blocks):
            x = block(x, rope, partial(self._attend, lead, cache, number))
        return self.norm(x).mul_(self.weight).view(*lead, -1)

    def _attend(self, lead: torch.Size, cache: CacheView, layer: int, heads: Tensor) -> Tensor:
        y, shape = heads.view(*lead, *heads.shape[1:]), self.shape
        q, k, v = torch.split(y, [shape.heads, shape.kv_heads, shape.kv_heads], -2)
        return cache.attend(layer, q, k, v).reshape(len(heads), -1)


def stack(weights: Weights, names: list[str]) -> Tensor:
    """Tables of one size [rows, width] as one, below each other."""
    first = weights[names[0]]
    rows = len(first)
    whole = first.new_empty(rows * len(names), first.shape[1])
    for number, name in enumerate(names):
        whole[number * rows : (number + 1) * rows] = weights[name] if number else first
    return whole
