"""A program: makes a tiny random language model of a few words, and has `transformers` serve it.

    python serve_tiny.py FOLDER

It says on stderr where it listens.
"""

import sys
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers.cli import transformers as commands

WORDS = [
    *("<end>", "<unknown>", "user", "assistant", "system", "tool", "hello", "world"),
    *("time", "noon", "yes", "no", "the", "a", "is", "it"),
]
CONTEXT = 512
"""Tokens that it was made for."""
TEMPLATE = "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}assistant"


def make(folder: str) -> None:
    """Save model and tokenizer."""
    library: Any = transformers
    words = Tokenizer(models.WordLevel(dict(zip(WORDS, range(len(WORDS)), strict=True)), WORDS[1]))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = library.PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token=WORDS[0], pad_token=WORDS[0], unk_token=WORDS[1]
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = library.LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    library.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    make(sys.argv[1])
    torch.set_num_threads(1)
    options = "--device cpu --host 127.0.0.1 --port 0 --log-level info"
    sys.argv[1:] = ["serve", sys.argv[1], *options.split()]
    serve: Any = commands.main
    serve()
