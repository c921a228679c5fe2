"""How the published runtime goes about a frame, written from a description of it: to divide by.

Every projection by itself, its input cast to float32 and its output to the compute type; attention
over the whole buffer under a mask, keys and values repeated for the query heads they serve; 32
embeddings added one by one; guidance, top-k and `multinomial` after every head. Only its operations
matter here: nothing in the package uses it, and its tokens are compared with nothing.
"""

import torch
from torch import Tensor
from torch.nn import functional

from tts.dia2.network.config import Dia2Config
from tts.transformer.shape import Transformer
from tts.transformer.weights import Weights

Angles = tuple[Tensor, Tensor]


class Published:
    """One utterance; weights in float32, computed in `compute`."""

    def __init__(
        self, config: Dia2Config, weights: Weights, compute: torch.dtype = torch.float32
    ) -> None:
        self.config, self.compute = config, compute
        self.weights = {name: each.detach() for name, each in weights.items()}
        device = self.weights["transformer.norm.weight"].device
        self.device = device
        shape, depth = config.decoder, config.depformer
        size = (2, 2, shape.kv_heads, config.max_steps, shape.head_dim)
        self.cache = [torch.zeros(size, device=device, dtype=compute) for _ in range(shape.layers)]
        stages = config.codebooks - 1
        self.depth = (2, 2, depth.heads, stages, depth.head_dim)
        self.tables = [
            self._table(each, count) for each, count in ((shape, config.max_steps), (depth, stages))
        ]
        self.step = 0
        self.column = torch.full((2, 2 + config.codebooks), config.audio_bos, device=device)
        self.column[:, :2] = config.pad

    @torch.inference_mode()
    def frame(self) -> None:
        """One step: the backbone, an action, and all codebooks."""
        hidden = self.backbone()
        actions = functional.linear(hidden.float(), self.weights["transformer.action_head.weight"])
        int(self._sample(actions, 0.6))  # the state machine asks
        first = functional.linear(hidden.float(), self.weights["transformer.cb0_head.weight"])
        first = first.clone()
        first[:, [self.config.audio_pad, self.config.audio_bos]] = torch.finfo(first.dtype).min
        token = self._sample(first, 0.8)
        tokens = [token]
        depth = self.config.depformer
        caches = [
            torch.zeros(self.depth, device=self.device, dtype=self.compute)
            for _ in range(depth.layers)
        ]
        for stage in range(self.config.codebooks - 1):
            token = self._sample(self._stage(stage, hidden, token, caches), 0.8)
            tokens.append(token)
        self.column[:, 2:] = torch.cat(tokens)
        self.step += 1

    @torch.inference_mode()
    def backbone(self) -> Tensor:
        """The part of a step that a voice goes through; gives the hidden states."""
        column, name = self.column, "transformer.text_embed"
        table = self.weights[f"{name}.embedding.weight"]
        main = self._linear(functional.embedding(column[:, 0], table), f"{name}.main_proj")
        second = self._linear(functional.embedding(column[:, 1], table), f"{name}.second_proj")
        second = torch.where((column[:, 1] == self.config.pad)[:, None], 0, second)
        x = (main + second).to(self.compute)
        for codebook in range(self.config.codebooks):
            table = self.weights[f"transformer.audio_embeds.{codebook}.weight"]
            x += functional.embedding(column[:, 2 + codebook], table).to(self.compute)
        seen = torch.arange(self.config.max_steps, device=self.device) <= self.step
        for number, cache in enumerate(self.cache):
            layer = f"transformer.layers.{number}"
            names = [f"{layer}.attn.{each}_proj" for each in "qkv"]
            n = self._norm(x, f"{layer}.pre_norm")
            parts = [self._linear(n, each) for each in names]
            shape = self.config.decoder
            name, angles = f"{layer}.attn", self._angles(0, self.step)
            y = self._attend(parts, name, shape, angles, cache=cache, seen=seen, place=self.step)
            x = x + self._linear(y, f"{layer}.attn.o_proj")
            x = x + self._mlp(self._norm(x, f"{layer}.post_norm"), f"{layer}.mlp")
        return self._norm(x, "transformer.norm")

    def _stage(self, stage: int, hidden: Tensor, token: Tensor, caches: list[Tensor]) -> Tensor:
        weights, config = self.config.schedule[stage], self.config
        x = self._linear(hidden, f"depformer.depformer_in.{weights}")
        table = self.weights[f"depformer.audio_embeds.{stage}.weight"]
        x = x + functional.embedding(token.expand(2), table).to(self.compute)
        seen = torch.arange(config.codebooks - 1, device=self.device) <= stage
        for number, cache in enumerate(caches):
            layer = f"depformer.layers.{number}"
            name = f"{layer}.self_attention"
            n = self._norm(x, f"{layer}.pre_norm")
            parts = list(self._linear(n, f"{name}.in_proj.{weights}").chunk(3, -1))
            angles = self._angles(1, stage)
            shape = config.depformer
            y = self._attend(parts, name, shape, angles, cache=cache, seen=seen, place=stage)
            x = x + self._linear(y, f"{name}.out_proj.{weights}")
            x = x + self._mlp(self._norm(x, f"{layer}.post_norm"), f"{layer}.mlp")
        x = self._norm(x, "depformer.norm")
        head = self.weights[f"depformer.logits.{stage}.weight"]
        return functional.linear(x.float(), head)[:, : config.audio_limit]

    def _attend(
        self,
        parts: list[Tensor],
        name: str,
        shape: Transformer,
        angles: Angles,
        *,
        cache: Tensor,
        seen: Tensor,
        place: int,
    ) -> Tensor:
        q, k, v = (each.view(2, -1, shape.head_dim) for each in parts)
        q = self._turn(self._norm(q, f"{name}.q_norm"), angles)
        k = self._turn(self._norm(k, f"{name}.k_norm"), angles)
        cache[0, :, :, place] = k
        cache[1, :, :, place] = v
        group = shape.heads // shape.kv_heads
        keys, values = (each.repeat_interleave(group, 1) for each in cache)
        y = functional.scaled_dot_product_attention(
            q[:, :, None], keys, values, attn_mask=seen.view(1, 1, 1, -1), scale=1.0
        )
        return y.reshape(2, -1)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        weight = self.weights[f"{name}.weight"]
        return functional.linear(x.to(torch.float32), weight.float()).to(self.compute)

    def _norm(self, x: Tensor, name: str) -> Tensor:
        wide = x.float()
        scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.config.eps)
        return (wide * scale * self.weights[f"{name}.weight"].float()).to(self.compute)

    def _mlp(self, x: Tensor, name: str) -> Tensor:
        gate, up = self._linear(x, f"{name}.wi").chunk(2, -1)
        return self._linear(functional.silu(gate) * up, f"{name}.wo")

    def _table(self, shape: Transformer, positions: int) -> Angles:
        exponent = torch.arange(0, shape.head_dim, 2, device=self.device) / shape.head_dim
        inverse = 1 / (self.config.rope_max / self.config.rope_min) ** exponent
        angles = torch.arange(positions, device=self.device)[:, None] * inverse
        return angles.cos(), angles.sin()

    def _angles(self, which: int, position: int) -> Angles:
        cos, sin = self.tables[which]
        return cos[position].to(self.compute), sin[position].to(self.compute)

    @staticmethod
    def _turn(x: Tensor, angles: Angles) -> Tensor:
        cos, sin = angles
        left, right = x.chunk(2, -1)
        return torch.cat((left * cos - right * sin, right * cos + left * sin), -1)

    @staticmethod
    def _sample(logits: Tensor, temperature: float) -> Tensor:
        conditional, unconditional = logits[:1], logits[1:]
        guided = torch.lerp(unconditional, conditional, 2.0)
        edge = guided.topk(min(50, guided.shape[-1]), -1).values[..., -1:]
        kept = torch.where(guided >= edge, conditional, float("-inf"))
        p = torch.softmax(kept / temperature, -1)
        p = torch.nan_to_num(p, nan=0.0, posinf=0.0, neginf=0.0).clamp_min(0)
        total = p.sum(-1, keepdim=True)
        p = p / total.clamp_min(1e-12)
        values, ids = p.topk(min(50, p.shape[-1]), -1)
        values = values / values.sum(-1, keepdim=True)
        return ids.gather(-1, torch.multinomial(values, 1))[:, 0]
