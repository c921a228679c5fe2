"""What a Dia2 checkpoint says about itself, in `config.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tts.transformer.shape import Transformer

ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "swiglu": "silu",
    "gelu": "gelu",
    "geglu": "gelu",
    "relu": "relu",
    "linear": "linear",
}
"""By their names in `config.json`, in any case."""

Said = Mapping[str, Any]


@dataclass(frozen=True)
class Dia2Config:
    """Everything the network, the text side and the generation loop take from `config.json`."""

    codebooks: int
    text_vocab: int
    audio_vocab: int
    action_vocab: int
    new_word: int
    """Text id that starts a word."""
    pad: int
    """Text id of a step without text."""
    zero: int
    """Main text id of the unconditional branch."""
    audio_pad: int
    audio_bos: int
    delays: tuple[int, ...]
    """Frames by which each codebook lags behind the text, each at least 1."""
    ahead: int
    """Words that the second text stream looks ahead; 0: it repeats the main stream."""
    decoder: Transformer
    depformer: Transformer
    low_rank: int | None
    """Width of the decoder's text table if it is not the decoder's own."""
    depformer_rope: bool
    depformer_text: bool
    """Whether the depformer's first stage sees the text."""
    schedule: tuple[int, ...]
    """The depformer's weight set at each of its `codebooks - 1` stages."""
    rope_min: float
    rope_max: float
    eps: float
    max_steps: int
    tokenizer: str | None
    """Repository or folder of the tokenizer, if it is not the checkpoint's own."""
    mimi: str | None
    """Repository or folder of the codec, if it is not the published one."""

    @property
    def max_delay(self) -> int:
        return max(self.delays)

    @property
    def audio_limit(self) -> int:
        """Audio ids from here on are control ids: codebooks after the first never draw them."""
        return min(self.audio_pad, self.audio_bos)

    @classmethod
    def from_json(cls, data: Said) -> Self:
        """Take a parsed `config.json`, in which an absent key or a null stands for the default.

        Nothing is checked: `tts.dia2.network.config_json.read` does that for a stranger's file.
        """
        text, model, runtime = (_said(data, each) for each in ("data", "model", "runtime"))
        decoder, depformer = (_said(model, each) for each in ("decoder", "depformer"))
        assets = _said(data, "assets")
        codebooks, audio_vocab = text["channels"] - 2, text["audio_vocab_size"]
        return cls(
            codebooks=codebooks,
            text_vocab=text["text_vocab_size"],
            audio_vocab=audio_vocab,
            action_vocab=text["action_vocab_size"],
            new_word=text["text_new_word_token_id"],
            pad=text["text_pad_token_id"],
            zero=text.get("text_zero_token_id", 7),
            audio_pad=text.get("audio_pad_token_id", audio_vocab - 1),
            audio_bos=text.get("audio_bos_token_id", audio_vocab - 2),
            delays=tuple(text["delay_pattern"]),
            ahead=text.get("second_stream_ahead", 0),
            decoder=_transformer(decoder, _said(model, "linear")),
            depformer=_transformer(depformer, depformer),
            low_rank=decoder.get("low_rank_dim"),
            depformer_rope=depformer.get("apply_rope", True),
            depformer_text=depformer.get("text_embedding", True),
            schedule=tuple(runtime.get("weights_schedule", range(codebooks - 1)))[: codebooks - 1],
            rope_min=float(model.get("rope_min_timescale", 1)),
            rope_max=float(model.get("rope_max_timescale", 10000)),
            eps=float(model.get("normalization_layer_epsilon", 1e-5)),
            max_steps=runtime.get("max_context_steps", 1500),
            tokenizer=assets.get("tokenizer") or text.get("tokenizer_path"),
            mimi=assets.get("mimi"),
        )


def _said(data: Said, key: str) -> Said:
    """A block without the nulls, empty if there is none."""
    return {name: value for name, value in (data.get(key) or {}).items() if value is not None}


def _transformer(size: Said, mlp: Said) -> Transformer:
    gate, up = mlp.get("mlp_activations", ("silu", "linear"))
    return Transformer(
        layers=size["n_layer"],
        width=size["n_embd"],
        hidden=size["n_hidden"],
        heads=size["gqa_query_heads"],
        kv_heads=size["kv_heads"],
        head_dim=size["gqa_head_dim"],
        activations=(ACTIVATIONS[gate.lower()], ACTIVATIONS[up.lower()]),
    )
