"""The tiny Whisper as a folder that faster-whisper reads: a tokenizer and CTranslate2 weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs import whisper_spec
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn

from tests.assets import tiny_whisper_model as network
from tests.assets.corpus import HOMOPHONES, WORDS

SPECIAL = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{step * 0.02:.2f}|>" for step in range(1501)),
]
"""After the words, in Whisper's order. No language: a small vocabulary means English."""


def make_tokenizer() -> Tokenizer:
    """Byte-level BPE in which every word of the corpus is one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=10_000,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    # faster-whisper forbids the first token of " -", " '" and " ♪": it must not be the space.
    texts = [f" {word}" for word in (*WORDS, *HOMOPHONES.values(), "-", "'", "♪")]
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    return tokenizer


def save(model: network.TinyWhisper, tokenizer: Tokenizer, folder: Path, quantization: str) -> None:
    """Write what `ct2-transformers-converter` would write for a model like this."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": network.MELS}))
    layers, heads = network.DECODER, network.HEADS
    spec = whisper_spec.WhisperSpec(network.ENCODER, heads, layers, heads)
    encoder, decoder = spec.encoder, spec.decoder
    _linear(encoder.conv1, model.conv1)
    _linear(encoder.conv2, model.conv2)
    encoder.position_encodings.encodings = _array(model.get_buffer("places"))
    decoder.position_encodings.encodings = _array(model.positions)
    decoder.embeddings.weight = _array(model.embedding.weight)
    decoder.projection.weight = decoder.embeddings.weight
    _norm(encoder.layer_norm, model.encoder_norm)
    _norm(decoder.layer_norm, model.decoder_norm)
    block: Any
    for target, block in zip(encoder.layer, model.encoder, strict=True):
        _block(target, block)
    for target, block in zip(decoder.layer, model.decoder, strict=True):
        _block(target, block)
        _norm(target.attention.layer_norm, block.cross_norm)
        query, pair, out = target.attention.linear
        _linear(query, block.cross_attention.query)
        _fused(pair, block.cross_attention.key, block.cross_attention.value)
        _linear(out, block.cross_attention.out)
    spec.register_vocabulary([tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())])
    spec.config.lang_ids = []
    spec.config.suppress_ids = []
    # Real Whispers forbid the end token here too, and then write a word for every silence.
    spec.config.suppress_ids_begin = [tokenizer.encode(" ").ids[0]]
    spec.config.alignment_heads = [(layers - 1, head) for head in range(network.TIMING)]
    spec.validate()
    spec.optimize(quantization=quantization)
    spec.save(str(folder))


def _block(target: Any, block: Any) -> None:
    _norm(target.self_attention.layer_norm, block.self_norm)
    fused, out = target.self_attention.linear
    attention = block.self_attention
    _fused(fused, attention.query, attention.key, attention.value)
    _linear(out, attention.out)
    _norm(target.ffn.layer_norm, block.norm)
    _linear(target.ffn.linear_0, block.wide)
    _linear(target.ffn.linear_1, block.narrow)


def _fused(target: Any, *layers: nn.Linear) -> None:
    width = network.WIDTH
    target.weight = np.concatenate([_array(layer.weight) for layer in layers])
    zero = np.zeros(width, np.float32)
    target.bias = np.concatenate(
        [zero if layer.bias is None else _array(layer.bias) for layer in layers]
    )


def _linear(target: Any, layer: nn.Linear | nn.Conv1d) -> None:
    target.weight = _array(layer.weight)
    assert layer.bias is not None
    target.bias = _array(layer.bias)


def _norm(target: Any, norm: nn.LayerNorm) -> None:
    target.gamma, target.beta = _array(norm.weight), _array(norm.bias)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.detach().float().contiguous().numpy()
