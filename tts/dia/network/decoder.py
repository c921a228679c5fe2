"""The decoder: columns of delayed codes in, the logits of the next ones out, hearing the text."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from tts.dia.network.config import DiaConfig
from tts.dia.network.parts import attention_of, mlp_of
from tts.dia.network.text_cache import TextCache, TextView
from tts.transformer.fused import RMSScale, folded, norm_weight
from tts.transformer.kv_cache import CacheView
from tts.transformer.layers import Rotary
from tts.transformer.linear import Linear, Pack
from tts.transformer.weights import Weights


class Layer:
    """Attention to itself, attention to the text, gated MLP; each with its norm and residual."""

    def __init__(
        self, config: DiaConfig, weights: Weights, layer: str, norm: RMSScale, pack: Pack
    ) -> None:
        self.norm, self.cross = norm, config.cross
        self.attention = attention_of(weights, layer, config.decoder, norm, pack)
        name = f"{layer}.cross_attention"
        q = folded(weights[f"{name}.q_proj.weight"], norm_weight(weights, f"{layer}.pre_ca_norm"))
        self.q: Linear = pack(q)
        kv = torch.cat([weights[f"{name}.{each}_proj.weight"] for each in "kv"])
        self.kv: Linear = pack(kv)
        self.out: Linear = pack(weights[f"{name}.o_proj.weight"])
        self.mlp = mlp_of(weights, layer, "pre_mlp_norm", config.decoder, norm, pack=pack)

    def __call__(
        self,
        x: Tensor,
        rope: Tensor,
        attend: Callable[[Tensor], Tensor],
        hear: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """x [rows, width] to the same; `attend` and `hear` are given heads [rows, heads, dim]."""
        x = self.attention(x, rope, attend)
        q = self.q(self.norm(x)).view(len(x), self.cross.heads, self.cross.head_dim)
        return self.mlp(self.out.add(hear(q), x))

    @property
    def matrices(self) -> tuple[Linear, ...]:
        """Those that a step reads, in its order."""
        own, mlp = self.attention, self.mlp
        return own.qkv, own.out, self.q, self.out, mlp.wi, mlp.wo

    def keys_and_values(self, heard: Tensor) -> tuple[Tensor, Tensor]:
        """What is heard [bytes, width] as keys and values [kv_heads, bytes, dim]."""
        kv = self.kv(heard).view(len(heard), 2, self.cross.kv_heads, self.cross.head_dim)
        keys, values = kv.permute(1, 2, 0, 3)
        return keys, values


class Decoder:
    """Reads keys and values of the past and of the text through views of their caches."""

    def __init__(self, config: DiaConfig, weights: Weights, pack: Pack) -> None:
        self.config, shape = config, config.decoder
        self.table = weights["model.decoder.embeddings.embed.weight"]
        device = self.table.device
        self.offsets = torch.arange(config.codebooks, device=device) * config.audio_vocab
        self.rotary = Rotary(shape.head_dim, config.decoder_theta, device)
        self.norm = RMSScale(shape.width, config.decoder_eps, self.table)
        self.layers = [
            Layer(config, weights, f"model.decoder.layers.{each}", self.norm, pack)
            for each in range(shape.layers)
        ]
        weight = norm_weight(weights, "model.decoder.norm")
        head = folded(weights["logits_dense.weight"], weight)
        self.head: Linear = pack(head)

    def __call__(
        self, tokens: Tensor, positions: Tensor, cache: CacheView, text: TextView
    ) -> Tensor:
        """Columns [..., codebooks] at positions [...] to normed hidden states [..., width]."""
        lead = tokens.shape[:-1]
        cos, sin = self.rotary.angles(positions, torch.float32)
        rope = torch.complex(cos, sin).expand(*lead, 1, -1).reshape(-1, 1, cos.shape[-1])
        columns = tokens.flatten(0, -2) + self.offsets
        x = functional.embedding(columns, self.table).sum(1)
        for number, layer in enumerate(self.layers):
            attend = partial(self._attend, lead, cache, number)
            x = layer(x, rope, attend, partial(self._hear, lead, text, number))
        return self.norm(x).view(*lead, -1)

    def logits(self, hidden: Tensor) -> Tensor:
        """Normed hidden states [..., width] to float32 logits [..., codebooks, ids]."""
        found = self.head(hidden.flatten(0, -2)).float()
        return found.view(*hidden.shape[:-1], self.config.codebooks, self.config.audio_vocab)

    def hear(self, heard: Tensor, cache: TextCache, slot: int) -> None:
        """Take in a slot's text, encoded [bytes, width]."""
        for number, layer in enumerate(self.layers):
            cache.put(slot, number, *layer.keys_and_values(heard))

    def hear_nothing(self, heard: Tensor, cache: TextCache) -> None:
        """Take in what the branches without text hear: a byte, encoded [1, width]."""
        for number, layer in enumerate(self.layers):
            cache.put_nothing(number, layer.keys_and_values(heard)[1][:, 0])

    def _attend(self, lead: torch.Size, cache: CacheView, layer: int, heads: Tensor) -> Tensor:
        y, shape = heads.view(*lead, *heads.shape[1:]), self.config.decoder
        q, k, v = torch.split(y, [shape.heads, shape.kv_heads, shape.kv_heads], -2)
        return cache.attend(layer, q, k, v).reshape(len(heads), -1)

    def _hear(self, lead: torch.Size, text: TextView, layer: int, heads: Tensor) -> Tensor:
        return text.attend(layer, heads.view(*lead, *heads.shape[1:]))
