"""Every kernel once against PyTorch when a model is loaded, with the model's own matrices.

A compiler newer or older than the ones these were written for may refuse a kernel or, worse, get
one wrong. Then the model does without them, and nobody hears noise. What is compiled here is what
the graphs will need, so little of the time is lost; Triton keeps it on disk for the next start.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tts.dia2.fast.gpu.kernels import attend, draw, embed, project
from tts.dia2.fast.gpu.kernels.layer import KernelBlock
from tts.dia2.fast.gpu.model import KernelModel
from tts.dia2.network.sampling import ACTION, FIRST_CODEBOOK, Sampler, Sampling, random_numbers
from tts.transformer.kv_cache import doubling
from tts.transformer.layers import ACTIVATIONS

DRAWS = 64  # of each kind; all but one must agree: one may fall between two roundings
OFF = {torch.float32: 1e-3, torch.bfloat16: 5e-2}  # of the size of what is right
_SETTINGS = [
    Sampling(),
    Sampling(text_temperature=0, audio_temperature=0),
    Sampling(scale=1),
    Sampling(filter_k=0, audio_top_k=20),
    Sampling(scale=0.4, filter_k=7, audio_top_k=3),
]


@torch.inference_mode()
def find_fault(model: KernelModel) -> str | None:
    """What is wrong with a model's kernels, in a line; no slot may be in use."""
    numbers = torch.Generator(model.device).manual_seed(0)
    checks = _Checks(model, numbers)
    name = "the kernels"
    try:
        with model.here():
            for name, got, wanted in checks.all():
                off = (got.float() - wanted.float()).norm() / wanted.float().norm()
                if not off.item() <= OFF[model.dtype]:
                    return f"{name} is off by {off.item():.1%}"
    except Exception as error:  # noqa: BLE001 - compilers raise whatever they like
        reason = str(error).strip().partition("\n")[0]
        return f"after {name}: {type(error).__name__}: {reason}"
    return None


Compared = tuple[str, Tensor, Tensor]


class _Checks:
    """Each gives a kernel's name, what it has computed, and what PyTorch has."""

    def __init__(self, model: KernelModel, numbers: torch.Generator) -> None:
        self.model, self.numbers = model, numbers

    def all(self) -> Iterator[Compared]:
        model, config = self.model, self.model.config
        for slots in doubling(1, model.slots):
            rows = slots * model.branches
            yield from self._layer("backbone", model.layers[0], rows)
            yield from self._layer("depformer", model.depth[model.sets[0]][0], rows)
            wide = torch.float32
            yield self._product("action head", rows, model.action_head, dtype=wide)
            yield self._product("first head", rows, model.first_head, dtype=wide)
            yield self._product("depformer's input", rows, model.inputs)
            yield self._product("head", rows, model.heads[0], norm=config.eps, dtype=wide)
            for span in model.spans:
                yield from self._backbone_attention(slots, span)
            yield from self._depformer_attention(rows)
        yield from self._embedding()
        for number, vocabulary in (
            (ACTION, config.action_vocab),
            (FIRST_CODEBOOK, config.audio_vocab),
            (FIRST_CODEBOOK + 1, config.audio_limit),
        ):
            yield from self._draw(number, vocabulary)

    def _random(self, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        device = self.model.device
        made = torch.randn(shape, generator=self.numbers, device=device)
        return made.to(dtype or self.model.dtype)

    def _layer(self, name: str, layer: KernelBlock, rows: int) -> Iterator[Compared]:
        eps = layer.heads.eps
        for part, matrix in zip(("qkv", "out", "wi", "wo"), layer.matrices, strict=True):
            if part in {"qkv", "wi"}:
                yield self._product(f"{name} {part}", rows, matrix, norm=eps)
            else:
                add = self._random(rows, matrix.outputs)
                yield self._product(f"{name} {part}", rows, matrix, add=add)

    def _product(self, name: str, rows: int, matrix: project.Matrix, **options: Any) -> Compared:
        x = self._random(rows, matrix.weight.shape[1])
        got = project.project(x, matrix, **options)
        return f"{name} for {rows} rows", got, plain_project(x, matrix, **options)

    def _backbone_attention(self, slots: int, span: int) -> Iterator[Compared]:
        """In the cache's own first layer, which is left empty."""
        model = self.model
        keys, values = model.cache.keys[0, :slots], model.cache.values[0, :slots]
        keys.normal_(generator=self.numbers)
        values.normal_(generator=self.numbers)
        like = model.cache.lengths
        lengths = torch.randint(span, (slots,), generator=self.numbers, device=like.device)
        lengths[-1] = span - 1
        cos, sin = model.rotary.angles(lengths, torch.float32)
        angles = cos.flatten(1), sin.flatten(1)
        yield from self._attention(
            f"backbone's attention, {slots} slots to {span}",
            model.layers[0].heads,
            (angles, keys, values, lengths),
            rows=slots * model.branches,
            entries=span,
        )
        keys.zero_()
        values.zero_()

    def _depformer_attention(self, rows: int) -> Iterator[Compared]:
        model, shape = self.model, self.model.config.depformer
        stage = len(model.heads) - 1
        keys, values = self._random(2, rows, shape.heads, stage + 1, shape.head_dim)
        angles = None if model.ropes is None else tuple(each[stage:] for each in model.ropes)
        yield from self._attention(
            "depformer's attention",
            model.depth[model.sets[0]][0].heads,
            (angles, keys, values, model.numbers[stage:]),
            rows=rows,
            entries=stage + 1,
        )

    def _attention(
        self, name: str, heads: attend.Heads, parts: Any, *, rows: int, entries: int
    ) -> Iterator[Compared]:
        angles, keys, values, lengths = parts
        qkv = self._random(rows, (heads.heads + 2 * heads.kv_heads) * heads.dim)
        branches = self.model.branches
        copies = keys.clone(), values.clone()
        wanted = plain_attend(qkv, heads, angles, *copies, lengths, branches=branches)
        got = attend.attend(
            qkv, heads, angles, keys, values, lengths, branches=branches, entries=entries
        )
        yield name, got, wanted
        yield f"{name} (keys)", keys, copies[0]
        yield f"{name} (values)", values, copies[1]

    def _embedding(self) -> Iterator[Compared]:
        model, config = self.model, self.model.config
        shape = (3, 2 + config.codebooks)
        least = min(config.audio_vocab, config.text_vocab)
        tokens = torch.randint(least, shape, generator=self.numbers, device=model.device)
        yield "embedding", embed.embed(tokens, model.tables), plain_embed(tokens, model.tables)

    def _draw(self, number: int, vocabulary: int) -> Iterator[Compared]:
        model, config = self.model, self.model.config
        device, name = model.device, f"draw of {vocabulary}"
        forbidden = (config.audio_pad, config.audio_bos)
        sampler = Sampler(DRAWS, 1, config.codebooks, forbidden, device)
        for slot in range(DRAWS):
            sampling = _SETTINGS[slot % len(_SETTINGS)]
            sampler.assign(slot, sampling, random_numbers(slot, 1, config.codebooks))
        logits = 3 * self._random(DRAWS, model.branches, vocabulary, dtype=torch.float32)
        steps = torch.zeros(DRAWS, dtype=torch.int64, device=device)
        table = model.depth_tables[0]
        start = self._random(DRAWS * model.branches, table.shape[1])
        following = draw.Next(torch.empty_like(start), start, table)
        tokens = torch.full((DRAWS, 2), -1, device=device)
        draw.draw(sampler, logits, number, steps, tokens, 1, following)
        wanted = sampler.sample(logits, number, steps)
        agree = (tokens[:, 1] == wanted).float().sum() >= DRAWS - 1
        yield name, agree.float()[None], torch.ones(1, device=device)
        embedded = table[tokens[:, 1]].float().repeat_interleave(model.branches, 0)
        yield f"{name} (embedding)", following.x, start.float() + embedded


# What each kernel means, in PyTorch: in float32 whatever is given, and in no hurry. A draw means
# `Sampler.sample`.


def plain_project(
    x: Tensor,
    matrix: project.Matrix,
    *,
    norm: float | None = None,
    add: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    wide = x.float()
    if norm is not None:
        wide = wide / torch.sqrt((wide * wide).sum(-1, keepdim=True) + x.shape[1] * norm)
    weight = matrix.weight.float()
    if matrix.scale is not None:
        weight = weight * matrix.scale[:, None]
    y = functional.linear(wide, weight)
    if matrix.activations is not None:
        first, second = (ACTIVATIONS[name] for name in matrix.activations)
        gate, up = y.chunk(2, 1)
        y = first(gate) * second(up)
    if add is not None:
        y = y + add
    return y.to(dtype or x.dtype)


def plain_embed(tokens: Tensor, tables: embed.Tables) -> Tensor:
    places = torch.arange(tokens.shape[1] - 2, device=tokens.device) * tables.vocabulary
    x = tables.audio[tokens[:, 2:] + places].float().sum(1)
    text = tables.main[tokens[:, 0]].float() + tables.second[tokens[:, 1]].float()
    return (x + text).to(tables.audio.dtype)


def plain_attend(
    qkv: Tensor,
    heads: attend.Heads,
    angles: tuple[Tensor, Tensor] | None,
    keys: Tensor,
    values: Tensor,
    lengths: Tensor,
    *,
    branches: int = 1,
) -> Tensor:
    y = qkv.float().view(len(qkv), -1, heads.dim)
    qk, v = torch.split(y, [heads.heads + heads.kv_heads, heads.kv_heads], 1)
    length = torch.sqrt((qk * qk).sum(-1, keepdim=True) + heads.dim * heads.eps)
    qk = qk * heads.weight / length
    slots = torch.arange(len(qkv), device=qkv.device) // branches
    if angles is not None:
        cos, sin = (each.expand(int(slots[-1]) + 1, -1)[slots] for each in angles)
        rope = torch.complex(cos, sin)[:, None]
        pairs = torch.view_as_complex(torch.unflatten(qk, -1, (-1, 2)).contiguous())
        qk = torch.view_as_real(pairs * rope).flatten(-2)
    q, k = torch.split(qk, [heads.heads, heads.kv_heads], 1)
    keys, values = (each.view(-1, *each.shape[-3:]) for each in (keys, values))
    group, reads = heads.heads // heads.kv_heads, []
    for row, n in enumerate(lengths.expand(int(slots[-1]) + 1)[slots].tolist()):
        keys[row, :, n], values[row, :, n] = k[row], v[row]
        seen_k, seen_v = (
            each[row, :, : n + 1].float().repeat_interleave(group, 0) for each in (keys, values)
        )
        scores = torch.einsum("hd,hed->he", q[row], seen_k)
        reads.append(torch.einsum("he,hed->hd", scores.softmax(-1), seen_v))
    return torch.stack(reads).flatten(1).to(qkv.dtype)
