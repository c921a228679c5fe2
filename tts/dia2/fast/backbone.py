"""The backbone, fused: one projection for queries, keys and values, one table for all codebooks."""

import torch
from torch import Tensor
from torch.nn import functional

from tts.dia2.fast.layers import HeadsNorm, Mlp, RMSScale, attend, interleaved, take, weight_of
from tts.dia2.fast.linear import Linear, pack
from tts.dia2.network import backbone as plain
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.kv_cache import Memory, Step
from tts.dia2.network.layers import Rotary


class Layer:
    def __init__(self, config: Dia2Config, layer: plain.Layer, unit: RMSScale, *, quantize: bool):
        shape, attention = config.decoder, layer.attn
        dim = shape.head_dim
        qkv = torch.cat(
            (
                interleaved(take(attention.q_proj), dim),
                interleaved(take(attention.k_proj), dim),
                take(attention.v_proj),
            )
        )
        self.unit = unit
        self.heads, self.kv_heads = shape.heads, shape.kv_heads
        self.qkv: Linear = pack(qkv.mul_(weight_of(layer.pre_norm)), quantize=quantize)
        self.norm = HeadsNorm(
            attention.q_norm, attention.k_norm, shape.heads, shape.kv_heads, config.eps
        )
        self.out: Linear = pack(take(attention.o_proj), quantize=quantize)
        self.mlp = Mlp(layer.post_norm, layer.mlp, shape, unit, quantize=quantize)

    def __call__(
        self, x: Tensor, lead: torch.Size, turn: Tensor, memory: Memory, number: int
    ) -> Tensor:
        """x [rows, width]; `lead` is the rows' own shape, `turn` [rows, 1, dim / 2]."""
        y = self.norm(self.qkv(self.unit(x)), turn)
        y = y.view(*lead, *y.shape[1:])
        end = self.heads + self.kv_heads
        q, k, v = y[..., : self.heads, :], y[..., self.heads : end, :], y[..., end:, :]
        read = memory.attend(number, q, k, v)
        return self.mlp(self.out.add(read.reshape(len(x), -1), x))


class Backbone:
    """Takes the weights of `tts.dia2.network.backbone.Backbone`, which is left without them."""

    def __init__(self, config: Dia2Config, backbone: plain.Backbone, *, quantize: bool) -> None:
        self.pad = config.pad
        text = backbone.text_embed
        self.text = take(text.embedding)
        self.main: Linear = pack(take(text.main_proj), quantize=quantize)
        self.second: Linear = pack(take(text.second_proj), quantize=quantize)
        self.audio = stack([take(each) for each in backbone.audio_embeds])
        device = self.audio.device
        self.offsets = torch.arange(config.codebooks, device=device) * config.audio_vocab
        unit = RMSScale(config.decoder.width, config.eps, self.audio)
        self.layers = [
            Layer(config, layer, unit, quantize=quantize)  # type: ignore[arg-type]
            for layer in backbone.layers
        ]
        self.norm = unit
        self.weight = weight_of(backbone.norm)
        dtype = self.audio.dtype
        self.action_head: Linear = pack(take(backbone.action_head).to(dtype))
        self.first_head: Linear = pack(take(backbone.cb0_head).to(dtype), quantize=quantize)

    def embed(self, tokens: Tensor) -> Tensor:
        """Columns [rows, 2 + codebooks] to vectors [rows, width]."""
        x = functional.embedding(tokens[:, 2:] + self.offsets, self.audio).sum(1)
        second = tokens[:, 1]
        ahead = self.second(self.text[second]).masked_fill_((second == self.pad)[:, None], 0)
        return self.main.add(self.text[tokens[:, 0]], x.add_(ahead))

    def __call__(self, tokens: Tensor, positions: Tensor, rotary: Rotary, memory: Memory) -> Tensor:
        """Columns [..., 2 + codebooks] at positions [...] to normed hidden states [..., width]."""
        lead = tokens.shape[:-1]
        cos, sin = rotary.angles(positions, torch.float32)
        turn = torch.complex(cos, sin).expand(*lead, 1, -1).reshape(-1, 1, cos.shape[-1])
        x = self.embed(tokens.flatten(0, -2))
        for number, layer in enumerate(self.layers):
            x = layer(x, lead, turn, memory, number)
        return self.norm(x).mul_(self.weight).view(*lead, -1)


def stack(tables: list[Tensor]) -> Tensor:
    """Tables of one size below each other, letting each go as it has been copied."""
    rows = len(tables[0])
    whole = tables[0].new_empty(rows * len(tables), tables[0].shape[1])
    for number in range(len(tables)):
        whole[number * rows : (number + 1) * rows] = tables[number]
        tables[number] = tables[number][:0]
    return whole


class LastStep(Step):
    """A step on a CPU: each slot's queries meet its own entries in two products."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        keys, values = self.cache.keys[layer], self.cache.values[layer]
        slots, branches, heads, dim = q.shape
        groups = branches * k.shape[2]
        reads = []
        for slot, runs in enumerate(self.active):
            if not runs:
                reads.append(q.new_zeros(branches * heads, dim))
                continue
            n = self.cache.filled[slot]
            keys[slot, :, :, n] = k[slot]
            values[slot, :, :, n] = v[slot]
            seen_k, seen_v = keys[slot, :, :, : n + 1], values[slot, :, :, : n + 1]
            few = q[slot].reshape(groups, -1, dim)
            read = attend(few, seen_k.flatten(0, 1).mT, seen_v.flatten(0, 1))
            reads.append(read.view(-1, dim))
        y = reads[0] if slots == 1 else torch.cat(reads)
        return y.view(slots, branches, heads, dim)
