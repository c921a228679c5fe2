"""The backbone: one column of text and audio tokens in, the next decisions out.

Parameters are named as in the checkpoint, so that the module tree is the list of its tensors.
"""

import torch
from torch import Tensor, nn

from tts.dia2.network.config import Dia2Config
from tts.dia2.network.layers import Gated, Head, Linear, Norm, TextEmbedding
from tts.transformer.kv_cache import CacheView
from tts.transformer.layers import Rotary, rotate
from tts.transformer.shape import Transformer


class Attention(nn.Module):
    """Multi-head attention with grouped queries, RMS norms per head and rotary positions."""

    def __init__(self, shape: Transformer, eps: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.head_dim = shape.head_dim
        self.q_proj = Linear(shape.width, shape.heads * shape.head_dim, dtype)
        self.k_proj = Linear(shape.width, shape.kv_heads * shape.head_dim, dtype)
        self.v_proj = Linear(shape.width, shape.kv_heads * shape.head_dim, dtype)
        self.o_proj = Linear(shape.heads * shape.head_dim, shape.width, dtype)
        self.q_norm = Norm(shape.head_dim, eps)
        self.k_norm = Norm(shape.head_dim, eps)

    def forward(
        self, x: Tensor, angles: tuple[Tensor, Tensor], cache: CacheView, layer: int
    ) -> Tensor:
        heads = (*x.shape[:-1], -1, self.head_dim)
        q = rotate(self.q_norm(self.q_proj(x).view(heads)), angles)
        k = rotate(self.k_norm(self.k_proj(x).view(heads)), angles)
        read = cache.attend(layer, q, k, self.v_proj(x).view(heads))
        y: Tensor = self.o_proj(read.flatten(-2))
        return y


class BackboneLayer(nn.Module):
    def __init__(self, shape: Transformer, eps: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.pre_norm = Norm(shape.width, eps)
        self.attn = Attention(shape, eps, dtype)
        self.post_norm = Norm(shape.width, eps)
        self.mlp = Gated(shape, dtype)

    def forward(
        self, x: Tensor, angles: tuple[Tensor, Tensor], cache: CacheView, layer: int
    ) -> Tensor:
        x = x + self.attn(self.pre_norm(x), angles, cache, layer)
        y: Tensor = x + self.mlp(self.post_norm(x))
        return y


class Backbone(nn.Module):
    def __init__(self, config: Dia2Config, dtype: torch.dtype) -> None:
        super().__init__()
        shape, width = config.decoder, config.decoder.width
        self.text_embed = TextEmbedding(config, width, config.low_rank or width, dtype)
        self.audio_embeds = nn.ModuleList(
            nn.Embedding(config.audio_vocab, width, dtype=dtype) for _ in range(config.codebooks)
        )
        self.layers = nn.ModuleList(
            BackboneLayer(shape, config.eps, dtype) for _ in range(shape.layers)
        )
        self.norm = Norm(width, config.eps)
        self.action_head = Head(width, config.action_vocab)
        self.cb0_head = Head(width, config.audio_vocab)

    def embed(self, tokens: Tensor) -> Tensor:
        """Columns [..., 2 + codebooks] to vectors [..., width]."""
        x: Tensor = self.text_embed(tokens[..., 0], tokens[..., 1])
        for codebook, embedding in enumerate(self.audio_embeds):
            x = x + embedding(tokens[..., 2 + codebook])
        return x

    def forward(
        self, tokens: Tensor, positions: Tensor, rotary: Rotary, cache: CacheView
    ) -> Tensor:
        """Columns [..., 2 + codebooks] at positions [...] to normed hidden states [..., width]."""
        x = self.embed(tokens)
        angles = rotary.angles(positions, x.dtype)
        for number, layer in enumerate(self.layers):
            x = layer(x, angles, cache, number)
        y: Tensor = self.norm(x)
        return y
