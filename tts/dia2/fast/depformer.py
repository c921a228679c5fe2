"""The depth transformer, fused, and what all stages share computed once a frame."""

from functools import partial

import torch
from torch import Tensor

from tts.dia2.fast.layers import make_heads, make_mlp, make_qkv
from tts.dia2.network import depformer as reference
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.layers import TextEmbedding
from tts.transformer.fused import Attention, Block, RMSScale, folded, norm_weight
from tts.transformer.layers import Rotary, attend
from tts.transformer.linear import Linear, Pack
from tts.transformer.weights import Weights, fill


class Frame(reference.Frame):
    """The key-value cache of one frame of all slots, used again for the next."""

    def __init__(self, config: Dia2Config, slots: int, branches: int, like: Tensor) -> None:
        super().__init__(config, slots * branches, None, like.device, like.dtype)
        self.shape = (slots, branches, -1)
        self.starts: dict[int, Tensor] = {}
        """What the stages of a weight set make of the hidden states, [rows, width]."""

    def attend(self, layer: int, stage: int, heads: Tensor) -> Tensor:
        """Take in a stage's keys and values, and let its queries read: [rows, heads * dim]."""
        seen, parts = self.seen[layer], heads.view(len(heads), 3, -1, heads.shape[-1])
        seen[:, :, :, stage] = parts[:, 1:].transpose(0, 1)
        keys, values = seen[:, :, :, : stage + 1]
        return attend(parts[:, :1], keys, values).flatten(1)


class Depformer:
    """`tts.dia2.network.depformer.Depformer` for a few rows at a time."""

    def __init__(
        self, config: Dia2Config, weights: Weights, rotary: Rotary | None, pack: Pack
    ) -> None:
        self.config, self.schedule = config, config.schedule
        sets, stages = sorted(set(config.schedule)), range(config.codebooks - 1)
        self.audio = [weights[f"depformer.audio_embeds.{stage}.weight"] for stage in stages]
        self.text = text_embedding(config, weights, self.audio[0].dtype)
        self.inputs: dict[int, Linear] = {
            each: pack(weights[f"depformer.depformer_in.{each}.weight"]) for each in sets
        }
        like = self.audio[0]
        self.norm = RMSScale(config.depformer.width, config.eps, like)
        layers = [
            self._blocks(weights, f"depformer.layers.{each}", pack)
            for each in range(config.depformer.layers)
        ]
        self.blocks = {each: [layer[each] for layer in layers] for each in sets}
        """Of each weight set; the MLPs and norms are shared."""
        after = norm_weight(weights, "depformer.norm")
        heads = (weights[f"depformer.logits.{stage}.weight"] for stage in stages)
        self.logits: list[Linear] = [
            pack((head[: config.audio_limit] * after).to(like.dtype)) for head in heads
        ]
        self.ropes: list[Tensor | None] = [None] * len(stages)
        if rotary is not None:
            cos, sin = rotary.angles(torch.tensor(stages, device=like.device), torch.float32)
            self.ropes = list(torch.complex(cos, sin))

    def _blocks(self, weights: Weights, layer: str, pack: Pack) -> dict[int, Block]:
        """A layer, by weight set."""
        config, name = self.config, f"{layer}.self_attention"
        shape, before = config.depformer, norm_weight(weights, f"{layer}.pre_norm")
        heads = make_heads(weights, name, shape, config.eps)
        mlp = make_mlp(weights, layer, shape, self.norm, pack)
        blocks = {}
        for each in self.inputs:
            q, k, v = weights[f"{name}.in_proj.{each}.weight"].chunk(3)
            qkv = make_qkv(q, k, v, shape.head_dim)
            qkv, out = folded(qkv, before), weights[f"{name}.out_proj.{each}.weight"]
            attention = Attention(qkv, heads, out, self.norm, pack)
            blocks[each] = Block(attention, mlp)
        return blocks

    def __call__(
        self, stage: int, hidden: Tensor, previous: Tensor, text: Tensor, frame: Frame
    ) -> Tensor:
        """The float32 logits [slots, branches, limit] of codebook `stage` + 1.

        `hidden` [slots, branches, decoder width], `previous` [slots], `text` [slots, 2].
        """
        weights = self.schedule[stage]
        if weights not in frame.starts:
            frame.starts[weights] = self.inputs[weights](hidden.flatten(0, 1))
        embedded = self.audio[stage].index_select(0, previous)
        if stage == 0 and self.text is not None:
            embedded = embedded + self.text(text[:, 0], text[:, 1])
        start = frame.starts[weights].view(frame.shape)
        x = (start + embedded[:, None]).flatten(0, 1)
        for layer, block in enumerate(self.blocks[weights]):
            x = block(x, self.ropes[stage], partial(frame.attend, layer, stage))
        return self.logits[stage](self.norm(x)).float().view(frame.shape)


def text_embedding(
    config: Dia2Config, weights: Weights, dtype: torch.dtype
) -> TextEmbedding | None:
    """How the first stage sees the text, if the checkpoint wants that."""
    if not config.depformer_text:
        return None
    width = config.depformer.width
    with torch.device("meta"):
        embedding = TextEmbedding(config, width, width, dtype)
    fill(embedding, weights, "depformer.text_embed.")
    return embedding
