"""Dia2 at its real sizes with random weights, made in memory. Needs torch, numpy, safetensors."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from tts.dia2.network.config import Dia2Config
from tts.dia2.network.model import Network

Size = tuple[int, int, int, int, int, int]
"""Layers, width, hidden, query heads, key-value heads, head dim."""

SETS = {
    "1b": [8, 8, 15],
    "2b": [7, 6, 6, 6, 6],  # five sets; where they change is not published
    "mid": [6, 6, 6, 6, 7],
    "tiny": [4, 3],
}
"""Stages of the depformer that share a weight set."""

SIZES: dict[str, tuple[Size, Size]] = {
    "1b": ((30, 1024, 6144, 16, 8, 128), (3, 1024, 3072, 8, 8, 128)),
    "2b": ((28, 2048, 6144, 16, 8, 128), (4, 1024, 3072, 8, 8, 128)),
    "mid": ((8, 512, 1536, 8, 4, 64), (4, 256, 768, 4, 4, 64)),
    "tiny": ((2, 64, 128, 4, 2, 16), (1, 32, 48, 2, 2, 16)),
}
TEXT = {"1b": 49280, "2b": 49280, "mid": 4096, "tiny": 512}
CODES = {"tiny": 64}


def config(name: str) -> Dia2Config:
    """What `config.json` of that size says."""
    decoder, depformer = (
        dict(
            zip(
                ("n_layer", "n_embd", "n_hidden", "gqa_query_heads", "kv_heads", "gqa_head_dim"),
                size,
                strict=True,
            )
        )
        for size in SIZES[name]
    )
    codes, stages = CODES.get(name, 2048), sum(SETS[name])
    return Dia2Config.from_json(
        {
            "data": {
                "channels": 3 + stages,
                "text_vocab_size": TEXT[name],
                "audio_vocab_size": codes + 2,
                "action_vocab_size": 2,
                "text_pad_token_id": 3,
                "text_new_word_token_id": 2,
                "delay_pattern": [16] + [18] * stages,
                "second_stream_ahead": 2,
            },
            "model": {
                "decoder": decoder,
                "depformer": {**depformer, "apply_rope": True, "text_embedding": False},
                "normalization_layer_epsilon": 1e-6,
            },
            "runtime": {
                "weights_schedule": [
                    number for number, count in enumerate(SETS[name]) for _ in range(count)
                ],
                "max_context_steps": 1500,
            },
        }
    )


class RandomWeights(Mapping[str, Tensor]):
    """A state dict that keeps what passes through about as large as it is; always the same one.

    A tensor is made when it is asked for: none is in memory beside the network made of them.
    """

    def __init__(self, size: Dia2Config, device: torch.device, dtype: torch.dtype) -> None:
        with torch.device("meta"):
            self._like = dict(Network(size, dtype).named_parameters())
        self._seeds = {name: seed for seed, name in enumerate(self._like)}
        self._device = device

    @torch.inference_mode()
    def __getitem__(self, name: str) -> Tensor:
        like = self._like[name]
        weight = torch.empty(like.shape, dtype=like.dtype, device=self._device)
        if "norm" in name:
            return weight.fill_(1)
        embeds = "embed" in name and "proj" not in name
        generator = torch.Generator(self._device).manual_seed(self._seeds[name])
        deviation = 0.3 if embeds else weight.shape[1] ** -0.5
        return weight.normal_(0, deviation, generator=generator)

    def __iter__(self) -> Iterator[str]:
        return iter(self._like)

    def __len__(self) -> int:
        return len(self._like)


def bytes_per_frame(
    size: Dia2Config, itemsize: int, entries: int, branches: int
) -> tuple[int, int]:
    """Bytes of weights and of the cache that one frame reads, and of weights that are different.

    As often as they are needed: the depformer's matrices once per stage, `depformer_in` once per
    set. The cache is counted with `entries` in it, in float32 if the weights are int8.
    """
    with torch.device("meta"):
        parts = dict(Network(size, torch.float32).named_parameters())
    read = different = 0
    for name, weight in parts.items():
        if "embed" in name and "proj" not in name:
            continue  # a row of it is read
        times = 1
        words = name.split(".")
        if words[0] == "depformer" and words[1] == "layers":
            weights = [word for word in words if word.isdigit()][1:]
            times = size.schedule.count(int(weights[0])) if weights else len(size.schedule)
        read += weight.numel() * times
        different += weight.numel()
    shape = size.decoder
    cache = 2 * shape.layers * shape.kv_heads * shape.head_dim * branches * entries
    return read * itemsize + cache * max(itemsize, 2 if itemsize == 2 else 4), different * itemsize
