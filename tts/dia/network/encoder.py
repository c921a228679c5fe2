"""The encoder: the bytes of a text, all of them together."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from tts.dia.network.config import DiaConfig
from tts.dia.network.parts import attention_of, mlp_of
from tts.transformer.fused import Block, RMSScale, norm_weight
from tts.transformer.layers import Rotary, attend
from tts.transformer.linear import Pack
from tts.transformer.shape import Transformer
from tts.transformer.weights import Weights


class Encoder:
    """Bytes to what the decoder hears; each looks at all of them."""

    def __init__(self, config: DiaConfig, weights: Weights, pack: Pack) -> None:
        shape = self.shape = config.encoder
        self.table = weights["model.encoder.embedding.weight"]
        self.rotary = Rotary(shape.head_dim, config.encoder_theta, self.table.device)
        self.norm = RMSScale(shape.width, config.encoder_eps, self.table)
        self.blocks = [
            self._block(weights, f"model.encoder.layers.{each}", pack)
            for each in range(shape.layers)
        ]
        self.weight = norm_weight(weights, "model.encoder.norm")

    def _block(self, weights: Weights, layer: str, pack: Pack) -> Block:
        attention = attention_of(weights, layer, self.shape, self.norm, pack)
        mlp = mlp_of(weights, layer, "post_sa_norm", self.shape, self.norm, pack=pack)
        return Block(attention, mlp)

    def __call__(self, ids: Tensor) -> Tensor:
        """Ids [bytes] to normed hidden states [bytes, width]."""
        x = functional.embedding(ids, self.table)
        cos, sin = self.rotary.angles(torch.arange(len(ids), device=ids.device), torch.float32)
        rope = torch.complex(cos, sin)
        read = partial(_read, self.shape)
        for block in self.blocks:
            x = block(x, rope, read)
        return self.norm(x).mul_(self.weight)


def _read(shape: Transformer, heads: Tensor) -> Tensor:
    q, k, v = torch.split(heads, [shape.heads, shape.kv_heads, shape.kv_heads], 1)
    y = attend(q[None], k.transpose(0, 1)[None], v.transpose(0, 1)[None])
    return y[0].flatten(1)
