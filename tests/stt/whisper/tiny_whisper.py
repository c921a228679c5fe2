"""A Whisper model with random weights, of any size: it talks nonsense, but really runs."""

import json
from pathlib import Path

import numpy as np
from ctranslate2.specs import whisper_spec
from faster_whisper.tokenizer import _LANGUAGE_CODES
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

MELS = 80


def make(
    folder: Path, *, width: int = 16, heads: int = 2, layers: int = 1, words: int = 500
) -> Path:
    """Write the model into `folder`, as ct2-transformers-converter would; by default under a MB."""
    tokens = _write_tokenizer(folder, words)
    random = np.random.default_rng(3)

    def weight(*shape: int) -> NDArray[np.float32]:
        return random.normal(0, 0.3, shape).astype(np.float32)

    spec = whisper_spec.WhisperSpec(layers, heads, layers, heads)
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = weight(width, MELS, 3), weight(width)
    encoder.conv2.weight, encoder.conv2.bias = weight(width, width, 3), weight(width)
    encoder.position_encodings.encodings = weight(1500, width)
    decoder.position_encodings.encodings = weight(448, width)
    decoder.embeddings.weight = weight(len(tokens), width)
    decoder.projection.weight = decoder.embeddings.weight
    decoder.projection.bias = np.zeros(len(tokens), np.float32)
    decoder.projection.bias[tokens.index("<|nospeech|>")] = -20  # whatever the rounding, it speaks
    decoder.projection.bias[tokens.index("<|endoftext|>")] = -4
    decoder.projection.bias[[i for i, token in enumerate(tokens) if token[:1] == "Ġ"]] = 8
    blocks = [*encoder.layer, *decoder.layer]
    norms = [encoder.layer_norm, decoder.layer_norm]
    linears = []
    for block in blocks:
        norms += [block.self_attention.layer_norm, block.ffn.layer_norm]
        linears += [(block.self_attention.linear[0], 3, 1), (block.self_attention.linear[1], 1, 1)]
        linears += [(block.ffn.linear_0, 4, 1), (block.ffn.linear_1, 1, 4)]
        if block in decoder.layer:
            norms.append(block.attention.layer_norm)
            linears += [(block.attention.linear[i], n, 1) for i, n in enumerate((1, 2, 1))]
    for norm in norms:
        norm.gamma, norm.beta = np.ones(width, np.float32), np.zeros(width, np.float32)
    for linear, out, into in linears:
        scale = 4 / (into * width) ** 0.5  # the same at every size
        linear.weight = weight(out * width, into * width) * np.float32(scale)
        linear.bias = weight(out * width)

    spec.register_vocabulary(tokens)
    languages = range(tokens.index("<|en|>"), tokens.index("<|translate|>"))
    spec.config.lang_ids = list(languages)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokens.index("<|endoftext|>")]
    spec.config.alignment_heads = [(0, 0), (0, 1)]
    spec.validate()
    if width > 16:
        spec.optimize(quantization="int8")
    spec.save(str(folder))
    return folder


def _write_tokenizer(folder: Path, words: int) -> list[str]:
    """Bytes and made-up words, then Whisper's special tokens in Whisper's order."""
    ordinary = sorted(pre_tokenizers.ByteLevel.alphabet())
    ordinary += [f"Ġword{number}" for number in range(words)]
    ordinary.append("")  # by this token CTranslate2 tells a multilingual model
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(ordinary)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|startoftranscript|>"]
    special += [f"<|{code}|>" for code in _LANGUAGE_CODES if code != "en"]
    special.insert(2, "<|en|>")
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>"]
    special += ["<|nospeech|>", "<|notimestamps|>"]
    special += [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": MELS}))
    return [*ordinary, *special]
