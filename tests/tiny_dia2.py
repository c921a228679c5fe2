"""Dia2 checkpoints with random weights in the published layout: they talk nonsense, but really run.

`make` writes one of half a MB, `real_size` one with the dimensions of the real 1B or in between.
"""

import json
import math
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from tts.codec.weights import Weights
from tts.dia2.mimi.codec import Mimi
from tts.dia2.mimi.config import MimiConfig
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.model import Network

Shapes = Mapping[str, tuple[int, ...]]

CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<reponame>"]
CONTROL += ["<file_sep>", "<filename>", "<gh_stars>"]
ADDED = ["[S1]", "[S2]", "(laughs)", "(clears throat)"]
MERGES = [("t", "h"), ("th", "e"), ("i", "n"), ("Ġ", "a"), ("e", "r"), ("l", "l"), ("o", "u")]
CODEC = {
    "codebook_size": 64,
    "codebook_dim": 16,
    "vector_quantization_hidden_dimension": 16,
    "hidden_size": 32,
    "upsample_groups": 32,
    "num_filters": 4,
    "num_hidden_layers": 2,
    "intermediate_size": 48,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
}
"""The sizes of a tiny Mimi."""


def make(folder: Path, *, codebooks: int = 8, max_steps: int = 1500, seed: int = 1) -> Path:
    """Write a tiny checkpoint: its steps take a few milliseconds, its speech is noise.

    The delays, special ids and the rest of the logic are the real ones.
    """
    tokens = _write_tokenizer(folder)
    config = _config(
        codebooks=codebooks,
        text_vocab=tokens,
        codes=64,
        decoder=_size(2, 64, 128, 4, 2, 16),
        depformer=_size(1, 32, 48, 2, 2, 16),
        schedule=[0] * (codebooks // 2) + [1] * (codebooks - 1 - codebooks // 2),
        max_steps=max_steps,
    )
    return _write(folder, config, {**CODEC, "num_quantizers": codebooks}, seed)


def real_size(folder: Path, size: str) -> Path:
    """Write a checkpoint with real dimensions: "2b" takes 8 GB of disk, "1b" 4.4, "mid" 0.8 GB.

    "tiny" is that of `make`, with the real number of codebooks.
    Where the library for it is missing, it has no tokenizer.
    """
    if size == "tiny":
        return make(folder, codebooks=32)
    folder.mkdir(parents=True, exist_ok=True)
    if find_spec("tokenizers"):
        _write_tokenizer(folder)
    decoder, depformer = {
        "2b": (_size(28, 2048, 6144, 16, 8, 128), _size(4, 1024, 3072, 8, 8, 128)),
        "1b": (_size(30, 1024, 6144, 16, 8, 128), _size(3, 1024, 3072, 8, 8, 128)),
        "mid": (_size(8, 512, 1536, 8, 4, 64), _size(2, 256, 768, 4, 4, 64)),
    }[size]
    sets = (7, 6, 6, 6, 6) if size == "2b" else (8, 8, 15)
    config = _config(
        codebooks=32,
        text_vocab=49280,
        codes=2048,
        decoder=decoder,
        depformer=depformer,
        schedule=[number for number, count in enumerate(sets) for _ in range(count)],
        max_steps=1500,
    )
    return _write(folder, config, {}, seed=1)


def _size(*sizes: int) -> dict[str, int]:
    names = ("n_layer", "n_embd", "n_hidden", "gqa_query_heads", "kv_heads", "gqa_head_dim")
    return dict(zip(names, sizes, strict=True))


def _config(
    *,
    codebooks: int,
    text_vocab: int,
    codes: int,
    decoder: Mapping[str, int],
    depformer: Mapping[str, int],
    schedule: list[int],
    max_steps: int,
) -> dict[str, Any]:
    """What the published `config.json` says, with other sizes."""
    return {
        "data": {
            "channels": 2 + codebooks,
            "text_vocab_size": text_vocab,
            "audio_vocab_size": codes + 2,
            "action_vocab_size": 2,
            "text_pad_token_id": 3,
            "text_new_word_token_id": 2,
            "text_zero_token_id": 7,
            "audio_pad_token_id": codes + 1,
            "audio_bos_token_id": codes,
            "action_pad_token_id": 0,
            "action_new_word_token_id": 1,
            "delay_pattern": [16] + [18] * (codebooks - 1),
            "first_word_min_start": 3,
            "max_pad": 8,
            "second_stream_ahead": 2,
        },
        "model": {
            "decoder": decoder,
            "depformer": {**depformer, "apply_rope": True, "text_embedding": False},
            "normalization_layer_epsilon": 1e-6,
        },
        "runtime": {"weights_schedule": schedule, "max_context_steps": max_steps},
    }


def _write(folder: Path, config: dict[str, Any], codec: dict[str, Any], seed: int) -> Path:
    """Everything but the tokenizer."""
    torch.manual_seed(seed)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    with torch.device("meta"):
        network = Network(Dia2Config.from_json(config), torch.float32)
    save(
        folder / "model.safetensors",
        {name: tuple(each.shape) for name, each in network.named_parameters()},
    )
    mimi = folder / "mimi"
    mimi.mkdir(exist_ok=True)
    (mimi / "config.json").write_text(json.dumps({"model_type": "mimi", **codec}, indent=1))
    recorder = _Recorder()
    Mimi(cast(Weights, recorder), MimiConfig.from_json(codec), config["data"]["channels"] - 2)
    save(mimi / "model.safetensors", recorder.shapes)
    return folder


class _Recorder:
    """Stands where a codec's weights do, and notes what is asked for."""

    def __init__(self) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        self.shapes[name] = shape
        if name.endswith("embed_sum"):
            self.shapes[name.replace("embed_sum", "initialized")] = (1,)
        return torch.zeros(shape)

    def ignore(self, prefix: str) -> None:
        """All codebooks are taken: what is left out has been noted."""


def save(path: Path, shapes: Shapes) -> None:
    """Write random float32 tensors of these shapes, one in memory at a time."""
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in _tensors(shapes):
            tensor.numpy().tofile(file)


def _tensors(shapes: Shapes) -> Iterator[Tensor]:
    """Weights that keep what passes through about as large as it is."""
    for name, shape in shapes.items():
        if name.endswith(("cluster_usage", "initialized")) or (
            "norm" in name and "bias" not in name
        ):
            yield torch.ones(shape)
        elif name.endswith("layer_scale.scale"):
            yield torch.full(shape, 0.3)
        elif name.endswith("bias"):
            yield torch.zeros(shape)
        elif "embed" in name and "proj" not in name:
            yield torch.randn(shape)
        elif name.startswith("decoder.layers") and shape[0] == 1:  # the last: not too loud
            yield torch.randn(shape) * 0.3 / math.sqrt(math.prod(shape[1:]))
        else:
            yield torch.randn(shape) / math.sqrt(math.prod(shape[1:]))


def _write_tokenizer(folder: Path) -> int:
    """Write a byte-level tokenizer in all the published files; how many ids it has, rounded up."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*CONTROL, *letters, *("".join(pair) for pair in MERGES)]
    vocabulary = {word: number for number, word in enumerate(words)}
    model = Tokenizer(models.BPE(vocabulary, MERGES))
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.add_special_tokens([AddedToken(word, normalized=False) for word in CONTROL])
    model.add_tokens([AddedToken(word, normalized=False) for word in ADDED])
    model.save(str(folder / "tokenizer.json"))
    end = {"bos_token": CONTROL[0], "eos_token": CONTROL[0], "unk_token": CONTROL[0]}
    files: dict[str, Any] = {
        "vocab.json": vocabulary,
        "added_tokens.json": {word: model.token_to_id(word) for word in ADDED},
        "special_tokens_map.json": end,
        "tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", **end},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    merges = "\n".join(["#version: 0.2", *(" ".join(pair) for pair in MERGES)])
    (folder / "merges.txt").write_text(merges + "\n")
    return math.ceil(model.get_vocab_size() / 8) * 8
