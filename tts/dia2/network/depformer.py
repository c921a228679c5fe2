"""The depth transformer: after the backbone, one stage per further codebook of the same frame.

Stage k turns the token of codebook k into the distribution of codebook k + 1. Its projections come
from the weight set the schedule names; norms and MLPs are shared by all stages.
"""

import torch
from torch import Tensor, nn

from tts.dia2.network.config import Dia2Config
from tts.dia2.network.layers import Gated, Head, Linear, Norm, TextEmbedding
from tts.transformer.layers import Rotary, attend, rotate


class Frame:
    """The keys and values of one frame's stages, [layers, 2, batch, heads, stages, head_dim]."""

    def __init__(
        self,
        config: Dia2Config,
        batch: int,
        rotary: Rotary | None,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """`rotary` rotates queries and keys by their stage, if the checkpoint wants that."""
        shape, stages = config.depformer, config.codebooks - 1
        size = (shape.layers, 2, batch, shape.heads, stages, shape.head_dim)
        self.seen = torch.empty(size, device=device, dtype=dtype)
        self.rotary = rotary

    def angles(self, stage: int) -> tuple[Tensor, Tensor] | None:
        if self.rotary is None:
            return None
        return self.rotary.angles(torch.full((1,), stage, device=self.seen.device), self.seen.dtype)


class SelfAttention(nn.Module):
    def __init__(self, config: Dia2Config, dtype: torch.dtype) -> None:
        super().__init__()
        shape, sets = config.depformer, sorted(set(config.schedule))
        self.shape = shape
        inner = shape.heads * shape.head_dim
        self.in_proj = nn.ModuleDict({str(g): Linear(shape.width, 3 * inner, dtype) for g in sets})
        self.out_proj = nn.ModuleDict({str(g): Linear(inner, shape.width, dtype) for g in sets})
        self.q_norm = Norm(shape.head_dim, config.eps)
        self.k_norm = Norm(shape.head_dim, config.eps)

    def forward(
        self,
        x: Tensor,
        stage: int,
        weights: str,
        angles: tuple[Tensor, Tensor] | None,
        seen: Tensor,
    ) -> Tensor:
        """x [batch, width]; `seen` [2, batch, heads, stages, head_dim] are keys and values."""
        parts = self.in_proj[weights](x).view(-1, 3, self.shape.heads, self.shape.head_dim)
        q, k, v = parts.unbind(1)
        q, k = self.q_norm(q), self.k_norm(k)
        if angles is not None:
            q, k = rotate(q, angles), rotate(k, angles)
        seen[0, :, :, stage] = k
        seen[1, :, :, stage] = v
        read = attend(q[:, None], seen[0, :, :, : stage + 1], seen[1, :, :, : stage + 1])
        y: Tensor = self.out_proj[weights](read.flatten(1))
        return y


class DepformerLayer(nn.Module):
    def __init__(self, config: Dia2Config, dtype: torch.dtype) -> None:
        super().__init__()
        self.pre_norm = Norm(config.depformer.width, config.eps)
        self.self_attention = SelfAttention(config, dtype)
        self.post_norm = Norm(config.depformer.width, config.eps)
        self.mlp = Gated(config.depformer, dtype)

    def forward(
        self,
        x: Tensor,
        stage: int,
        weights: str,
        angles: tuple[Tensor, Tensor] | None,
        seen: Tensor,
    ) -> Tensor:
        x = x + self.self_attention(self.pre_norm(x), stage, weights, angles, seen)
        y: Tensor = x + self.mlp(self.post_norm(x))
        return y


class Depformer(nn.Module):
    def __init__(self, config: Dia2Config, dtype: torch.dtype) -> None:
        super().__init__()
        shape, width = config.depformer, config.depformer.width
        self.stages = config.codebooks - 1
        self.limit = config.audio_limit
        self.schedule = [str(weights) for weights in config.schedule]
        self.audio_embeds = nn.ModuleList(
            nn.Embedding(config.audio_vocab, width, dtype=dtype) for _ in range(self.stages)
        )
        if config.depformer_text:
            self.text_embed = TextEmbedding(config, width, width, dtype)
        self.depformer_in = nn.ModuleDict(
            {
                str(g): Linear(config.decoder.width, width, dtype)
                for g in sorted(set(config.schedule))
            }
        )
        self.layers = nn.ModuleList(DepformerLayer(config, dtype) for _ in range(shape.layers))
        self.norm = Norm(width, config.eps)
        self.logits = nn.ModuleList(Head(width, config.audio_vocab) for _ in range(self.stages))

    def embed(self, stage: int, hidden: Tensor, previous: Tensor, text: Tensor) -> Tensor:
        """What a stage starts from, [batch, width]; arguments as for a stage."""
        x: Tensor = self.audio_embeds[stage](previous)
        if stage == 0 and hasattr(self, "text_embed"):
            x = x + self.text_embed(text[0], text[1])
        y: Tensor = x + self.depformer_in[self.schedule[stage]](hidden)
        return y

    def forward(
        self, stage: int, hidden: Tensor, previous: Tensor, text: Tensor, frame: Frame
    ) -> Tensor:
        """The float32 logits [batch, limit] of codebook `stage` + 1.

        `hidden` [batch, decoder width] is the backbone's, `previous` [batch] the token just chosen,
        `text` [2, batch] the step's text (main, second). A frame's stages come in order.
        """
        x = self.embed(stage, hidden, previous, text)
        angles = frame.angles(stage)
        for layer, seen in zip(self.layers, frame.seen, strict=True):
            x = layer(x, stage, self.schedule[stage], angles, seen)
        logits: Tensor = self.logits[stage](self.norm(x))
        return logits[..., : self.limit]
