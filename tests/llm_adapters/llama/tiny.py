"""A GGUF model of two megabytes whose words are known: after each token comes one certain other.

Attention and feed-forward are zero, so the last token alone decides: its embedding is one-hot, and
the output matrix holds what follows it. The chat template writes the messages' contents and ends
with `>`; what is said then is `SENTENCE`, whatever was asked; after `!` (a message that ends so)
it is `MANY`, for ever. (SentencePiece's mark is a space before a word.)
"""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SENTENCE = ("▁Hello", "▁there", ".")
MANY = ("▁on", "▁and")
SPECIAL = ("<unk>", "<s>", "</s>")
TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{{ '!' if messages[-1].content[-1:] == '!' else '>' }}"
)
TRAINED = 1 << 15
"""Tokens of the context that it claims to have been trained with."""
WIDTH = 320

_UINT32, _FLOAT, _STRING, _ARRAY, _INT32 = 4, 6, 8, 9, 5


def write_model(
    path: Path, sentence: Sequence[str] = SENTENCE, changed: Mapping[str, Any] | None = None
) -> Path:
    """Write the model that says `sentence`, no token of which comes twice.

    `changed` are entries of its metadata; None leaves one out.
    """
    tokens = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *sentence, *MANY]
    follows = dict(zip((">", *sentence), (*sentence, "</s>"), strict=True))
    follows |= dict(zip(("!", *MANY), (*MANY, MANY[0]), strict=True))
    index = {token: at for at, token in enumerate(tokens)}
    index |= {chr(byte): index[f"<0x{byte:02X}>"] for byte in (*b">!",)}
    embeddings = np.zeros((len(tokens), WIDTH), np.float32)
    np.fill_diagonal(embeddings, 1)
    output = np.zeros((len(tokens), WIDTH), np.float32)
    for token, next_ in follows.items():
        output[index[next_], index[token]] = 4
    kinds = [2, 3, 3, *[6] * 256, *[1] * (len(tokens) - 259)]
    metadata = {
        "general.architecture": "llama",
        "llama.context_length": TRAINED,
        "llama.embedding_length": WIDTH,
        "llama.block_count": 1,
        "llama.feed_forward_length": 32,
        "llama.attention.head_count": 5,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [0.0] * len(tokens),
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.chat_template": TEMPLATE,
        **(changed or {}),
    }
    square = np.zeros((WIDTH, WIDTH), np.float32)
    narrow = np.zeros((32, WIDTH), np.float32)
    tensors = {
        "token_embd.weight": embeddings,
        "output_norm.weight": np.ones(WIDTH, np.float32),
        "output.weight": output,
        "blk.0.attn_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.ffn_norm.weight": np.ones(WIDTH, np.float32),
        **{f"blk.0.attn_{name}.weight": square for name in ("q", "k", "v", "output")},
        **{f"blk.0.ffn_{name}.weight": narrow for name in ("gate", "up")},
        "blk.0.ffn_down.weight": narrow.T.copy(),
    }
    path.write_bytes(_file({k: v for k, v in metadata.items() if v is not None}, tensors))
    return path


def _file(metadata: Mapping[str, Any], tensors: Mapping[str, NDArray[np.float32]]) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += _string(key) + _typed(value)
    data = b""
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        head += _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += tensor.tobytes() + bytes(-tensor.nbytes % 32)
    return head + bytes(-len(head) % 32) + data


def _typed(value: Any) -> bytes:
    if isinstance(value, list):
        kind = _INT32 if isinstance(value[0], int) else _kind(value[0])
        return struct.pack("<IIQ", _ARRAY, kind, len(value)) + b"".join(map(_value, value))
    return struct.pack("<I", _kind(value)) + _value(value)


def _kind(value: Any) -> int:
    return {int: _UINT32, float: _FLOAT, str: _STRING}[type(value)]


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return _string(value)
    return struct.pack("<f" if isinstance(value, float) else "<I", value)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
