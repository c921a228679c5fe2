"""The depth transformer, fused, and what all stages share computed once a frame."""

import torch
from torch import Tensor

from tts.dia2.fast.layers import HeadsNorm, Mlp, RMSScale, attend, interleaved, take, weight_of
from tts.dia2.fast.linear import Linear, pack
from tts.dia2.network import depformer as plain
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.layers import Rotary, TextEmbedding


class Frame(plain.Frame):
    """The memory of one frame of all slots, used again for the next: its views are made once."""

    def __init__(self, config: Dia2Config, slots: int, branches: int, like: Tensor) -> None:
        super().__init__(config, slots * branches, None, like.device, like.dtype)
        self.shape = (slots, branches, -1)
        self.starts: dict[int, Tensor] = {}
        stages = range(config.codebooks - 1)
        # By layer and stage: where its keys and values go [rows, 2, heads, dim], then those of all
        # stages so far, [rows * heads, dim, stages] and [rows * heads, stages, dim].
        rows = self.seen.transpose(1, 2)
        self.rows = [[layer[:, :, :, k] for k in stages] for layer in rows]
        flat = self.seen.flatten(2, 3)
        self.keys = [[layer[0, :, : k + 1].mT for k in stages] for layer in flat]
        self.values = [[layer[1, :, : k + 1] for k in stages] for layer in flat]


class Layer:
    def __init__(
        self, config: Dia2Config, number: int, layer: plain.Layer, unit: RMSScale, *, quantize: bool
    ) -> None:
        self.number = number
        shape, attention = config.depformer, layer.self_attention
        self.heads, self.dim = shape.heads, shape.head_dim
        self.unit = unit
        before = weight_of(layer.pre_norm)
        inner = shape.heads * shape.head_dim
        self.qkv: dict[int, Linear] = {}
        self.out: dict[int, Linear] = {}
        for weights in sorted(set(config.schedule)):
            q, k, v = take(attention.in_proj[str(weights)]).view(3, inner, -1)
            qkv = torch.cat((interleaved(q, self.dim), interleaved(k, self.dim), v))
            self.qkv[weights] = pack(qkv.mul_(before), quantize=quantize)
            self.out[weights] = pack(take(attention.out_proj[str(weights)]), quantize=quantize)
        self.norm = HeadsNorm(
            attention.q_norm, attention.k_norm, shape.heads, shape.heads, config.eps
        )
        self.mlp = Mlp(layer.post_norm, layer.mlp, shape, unit, quantize=quantize)

    def __call__(
        self, x: Tensor, stage: int, weights: int, turn: Tensor | None, frame: Frame
    ) -> Tensor:
        """x [rows, width] to the same."""
        y = self.norm(self.qkv[weights](self.unit(x)), turn)
        frame.rows[self.number][stage].copy_(y.view(-1, 3, self.heads, self.dim)[:, 1:])
        q = y[:, : self.heads].reshape(-1, 1, self.dim)
        read = attend(q, frame.keys[self.number][stage], frame.values[self.number][stage])
        return self.mlp(self.out[weights].add(read.view(len(x), -1), x))


class Depformer:
    """Takes the weights of `tts.dia2.network.depformer.Depformer`, which is left without them."""

    def __init__(
        self,
        config: Dia2Config,
        depformer: plain.Depformer,
        rotary: Rotary | None,
        *,
        quantize: bool,
    ) -> None:
        shape, self.schedule = config.depformer, config.schedule
        self.audio = [take(each) for each in depformer.audio_embeds]
        self.text = depformer.text_embed if config.depformer_text else None
        assert self.text is None or isinstance(self.text, TextEmbedding)
        self.inputs: dict[int, Linear] = {
            weights: pack(take(depformer.depformer_in[str(weights)]), quantize=quantize)
            for weights in sorted(set(config.schedule))
        }
        like = self.audio[0]
        unit = RMSScale(shape.width, config.eps, like)
        self.layers = [
            Layer(config, number, layer, unit, quantize=quantize)  # type: ignore[arg-type]
            for number, layer in enumerate(depformer.layers)
        ]
        self.norm = unit
        after = weight_of(depformer.norm)
        self.logits: list[Linear] = [
            pack((take(head)[: config.audio_limit] * after).to(like.dtype), quantize=quantize)
            for head in depformer.logits
        ]
        self.turns: list[Tensor | None] = [None] * len(self.logits)
        if rotary is not None:
            stages = torch.arange(len(self.logits), device=after.device)
            cos, sin = rotary.angles(stages, torch.float32)
            self.turns = list(torch.complex(cos, sin))

    def __call__(
        self, stage: int, hidden: Tensor, previous: Tensor, text: Tensor, frame: Frame
    ) -> Tensor:
        """The float32 logits [slots, branches, limit] of codebook `stage` + 1.

        `hidden` [slots, branches, decoder width], `previous` [slots], `text` [slots, 2].
        """
        weights = self.schedule[stage]
        if weights not in frame.starts:
            frame.starts[weights] = self.inputs[weights](hidden.flatten(0, 1))
        heard = self.audio[stage].index_select(0, previous)
        if stage == 0 and self.text is not None:
            heard = heard + self.text(text[:, 0], text[:, 1])
        start = frame.starts[weights].view(frame.shape)
        x = (start + heard[:, None]).flatten(0, 1)
        for layer in self.layers:
            x = layer(x, stage, weights, self.turns[stage], frame)
        return self.logits[stage](self.norm(x)).float().view(frame.shape)
