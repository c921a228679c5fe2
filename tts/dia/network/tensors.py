"""A checkpoint's tensors in both layouts, read under the names of Transformers'.

| Transformers' name, shape | original name, shape |
| --- | --- |
| model.encoder.embedding: vocabulary, width | encoder.embedding: the same |
| model.encoder.layers.N: pre_sa_norm, post_sa_norm | encoder.layers.N: the same |
| model.decoder.layers.N: pre_sa_norm, pre_ca_norm, pre_mlp_norm | decoder.layers.N: the same |
| model.encoder.norm, model.decoder.norm | encoder.norm, decoder.norm: the same |
| …self_attention.q_proj, k_proj, v_proj: heads * dim, width | the same: width, heads, dim |
| …self_attention.o_proj: width, heads * dim | the same: heads, dim, width |
| …cross_attention.q_proj, k_proj, v_proj, o_proj: like those, but | the same |
| keys and values come from the encoder's width | |
| …mlp.gate_up_proj: 2 * hidden, width | …mlp.wi_fused: width, 2, hidden |
| …mlp.down_proj: width, hidden | …mlp.wo: hidden, width |
| model.decoder.embeddings.embed: codebooks * ids, width | decoder.embeddings.C: ids, width |
| logits_dense: codebooks * ids, width | decoder.logits_dense: width, codebooks, ids |

All names end in `.weight`. Which of the two a file holds is told by `wi_fused` among its names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tts.dia.network.config import CrossAttention, DiaConfig
from tts.transformer.shape import Transformer
from tts.transformer.tensor_file import Shape, Tensors
from tts.transformer.weights import StateDict, check_tensors


@dataclass(frozen=True)
class Place:
    """Where a tensor stands in an original file."""

    shape: Shape
    """As Transformers has it."""
    originals: tuple[str, ...]
    """Its names there; several lie below each other."""
    original_shape: Shape
    """Of each of those."""
    turned: bool
    """A matrix, inputs first."""


def places(config: DiaConfig) -> dict[str, Place]:
    """Where every tensor of a model stands, by its name in Transformers."""
    return dict(_places(config))


def open_weights(
    file: Tensors, config: DiaConfig, device: torch.device, dtype: torch.dtype
) -> StateDict:
    """Open a file that holds the tensors of a model, and no others, in either layout.

    Raises TextToSpeechError.
    """
    known = places(config)
    if any("wi_fused" in name for name in file.shapes):
        check_tensors({n: p.original_shape for p in known.values() for n in p.originals}, file)
        file = Original(file, known)
    else:
        check_tensors({name: place.shape for name, place in known.items()}, file)
    dtypes = {name: torch.float32 if "norm" in name else dtype for name in known}
    return StateDict(file, dtypes, device)


class Original:
    """A file in the original layout, read as if it were in Transformers'."""

    def __init__(self, file: Tensors, known: Mapping[str, Place]) -> None:
        self.path: Path = file.path
        self.shapes: Mapping[str, Shape] = {name: place.shape for name, place in known.items()}
        self._file, self._places = file, known

    def read(self, name: str, device: torch.device, dtype: torch.dtype) -> Tensor:
        """Read a tensor by its name in Transformers. Raises TextToSpeechError."""
        place = self._places[name]
        parts = (self._file.read(each, device, dtype) for each in place.originals)
        if len(place.originals) > 1:
            whole = torch.empty(place.shape, dtype=dtype, device=device)
            rows = place.original_shape[0]
            for number, part in enumerate(parts):
                whole[number * rows : (number + 1) * rows] = part
            return whole
        found = next(parts)
        if not place.turned:
            return found
        outputs, inputs = place.shape
        return found.reshape(inputs, outputs).T


def _places(config: DiaConfig) -> Iterator[tuple[str, Place]]:
    encoder, decoder, cross = config.encoder, config.decoder, config.cross
    vocabulary, count = config.audio_vocab, config.codebooks
    yield _same("encoder.embedding.weight", config.text_vocab, encoder.width)
    for layer in (f"encoder.layers.{each}" for each in range(encoder.layers)):
        yield from (_same(f"{layer}.{n}.weight", encoder.width) for n in ENCODER_NORMS)
        yield from _attention(f"{layer}.self_attention", encoder, encoder.width, encoder.width)
        yield from _mlp(f"{layer}.mlp", encoder)
    yield _same("encoder.norm.weight", encoder.width)
    names = tuple(f"decoder.embeddings.{each}.weight" for each in range(count))
    table = (vocabulary, decoder.width)
    embedding = Place((count * vocabulary, decoder.width), names, table, turned=False)
    yield "model.decoder.embeddings.embed.weight", embedding
    for layer in (f"decoder.layers.{each}" for each in range(decoder.layers)):
        yield from (_same(f"{layer}.{n}.weight", decoder.width) for n in DECODER_NORMS)
        yield from _attention(f"{layer}.self_attention", decoder, decoder.width, decoder.width)
        yield from _attention(f"{layer}.cross_attention", cross, decoder.width, encoder.width)
        yield from _mlp(f"{layer}.mlp", decoder)
    yield _same("decoder.norm.weight", decoder.width)
    head = (decoder.width, count, vocabulary)
    yield (
        "logits_dense.weight",
        Place((count * vocabulary, decoder.width), ("decoder.logits_dense.weight",), head, True),
    )


ENCODER_NORMS = ("pre_sa_norm", "post_sa_norm")
DECODER_NORMS = ("pre_sa_norm", "pre_ca_norm", "pre_mlp_norm")


def _same(name: str, *shape: int) -> tuple[str, Place]:
    return f"model.{name}", Place(shape, (name,), shape, turned=False)


def _attention(
    name: str, shape: Transformer | CrossAttention, width: int, heard: int
) -> Iterator[tuple[str, Place]]:
    """The projections; `heard` is the width of what keys and values come from."""
    heads, dim = {"q": shape.heads, "k": shape.kv_heads, "v": shape.kv_heads}, shape.head_dim
    for each, count in heads.items():
        inputs = width if each == "q" else heard
        own = f"{name}.{each}_proj.weight"
        yield f"model.{own}", Place((count * dim, inputs), (own,), (inputs, count, dim), True)
    own = f"{name}.o_proj.weight"
    yield (
        f"model.{own}",
        Place((width, shape.heads * dim), (own,), (shape.heads, dim, width), True),
    )


def _mlp(name: str, shape: Transformer) -> Iterator[tuple[str, Place]]:
    width, hidden = shape.width, shape.hidden
    yield (
        f"model.{name}.gate_up_proj.weight",
        Place((2 * hidden, width), (f"{name}.wi_fused.weight",), (width, 2, hidden), True),
    )
    yield (
        f"model.{name}.down_proj.weight",
        Place((width, hidden), (f"{name}.wo.weight",), (hidden, width), True),
    )
