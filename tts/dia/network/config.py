"""What a Dia checkpoint says about itself, in `config.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tts.transformer.shape import Transformer

Said = Mapping[str, Any]


@dataclass(frozen=True)
class CrossAttention:
    """The size of the decoder's attention to the text."""

    heads: int
    kv_heads: int
    head_dim: int


@dataclass(frozen=True)
class DiaConfig:
    """Everything the network and the generation take from `config.json`."""

    encoder: Transformer
    decoder: Transformer
    cross: CrossAttention
    text_vocab: int
    audio_vocab: int
    """Of each codebook: its codes, and then the control ids."""
    delays: tuple[int, ...]
    """Positions by which each codebook lags behind the first, whose own is 0."""
    eos: int
    """Also how many codes a codebook has: they are the ids below."""
    pad: int
    bos: int
    encoder_eps: float
    decoder_eps: float
    encoder_theta: float
    """Longest timescale of the rotary positions."""
    decoder_theta: float
    max_text: int
    """Bytes."""
    max_steps: int
    """Positions of the decoder."""

    @property
    def codebooks(self) -> int:
        return len(self.delays)

    @property
    def max_delay(self) -> int:
        return max(self.delays)

    @classmethod
    def from_json(cls, data: Said) -> Self:
        """Take a parsed `config.json` of any of three kinds; an absent key stands for the default.

        Transformers 5 keeps the control ids with the decoder and the timescale of the rotary
        positions in `rope_parameters`; before, the ids stood at the top and the timescale beside
        the sizes. Dia's first release had names of its own.

        Nothing is checked: `tts.dia.network.config_json.read` does that for a stranger's file.
        """
        return cls._first_release(data) if "model" in data else cls._transformers(data)

    @classmethod
    def _transformers(cls, data: Said) -> Self:
        encoder, decoder = (_said(data, f"{each}_config") for each in ("encoder", "decoder"))
        above = _present(data)
        return cls(
            encoder=_transformer(encoder, layers=12, width=1024, hidden=4096, kv_heads=16),
            decoder=_transformer(decoder, layers=18, width=2048, hidden=8192, kv_heads=4),
            cross=CrossAttention(
                decoder.get("cross_num_attention_heads", 16),
                decoder.get("cross_num_key_value_heads", 16),
                decoder.get("cross_head_dim", 128),
            ),
            text_vocab=encoder.get("vocab_size", 256),
            audio_vocab=decoder.get("vocab_size", 1028),
            delays=tuple(above.get("delay_pattern", DELAYS)),
            eos=decoder.get("eos_token_id", above.get("eos_token_id", 1024)),
            pad=decoder.get("pad_token_id", above.get("pad_token_id", 1025)),
            bos=decoder.get("bos_token_id", above.get("bos_token_id", 1026)),
            encoder_eps=float(encoder.get("norm_eps", 1e-5)),
            decoder_eps=float(decoder.get("norm_eps", 1e-5)),
            encoder_theta=_theta(encoder),
            decoder_theta=_theta(decoder),
            max_text=encoder.get("max_position_embeddings", 1024),
            max_steps=decoder.get("max_position_embeddings", 3072),
        )

    @classmethod
    def _first_release(cls, data: Said) -> Self:
        model, audio = _said(data, "model"), _said(data, "data")
        encoder, decoder = (_said(model, each) for each in ("encoder", "decoder"))
        eps = float(model.get("normalization_layer_epsilon", 1e-5))
        theta = float(model.get("rope_max_timescale", 10000))
        heads = encoder["n_head"]
        return cls(
            encoder=Transformer(
                encoder["n_layer"],
                encoder["n_embd"],
                encoder["n_hidden"],
                heads,
                heads,
                encoder["head_dim"],
                SILU,
            ),
            decoder=Transformer(
                decoder["n_layer"],
                decoder["n_embd"],
                decoder["n_hidden"],
                decoder["gqa_query_heads"],
                decoder["kv_heads"],
                decoder["gqa_head_dim"],
                SILU,
            ),
            cross=CrossAttention(
                decoder["cross_query_heads"],
                decoder["cross_query_heads"],
                decoder["cross_head_dim"],
            ),
            text_vocab=model.get("src_vocab_size", 256),
            audio_vocab=model.get("tgt_vocab_size", 1028),
            delays=tuple(audio.get("delay_pattern", DELAYS)),
            eos=audio.get("audio_eos_value", 1024),
            pad=audio.get("audio_pad_value", 1025),
            bos=audio.get("audio_bos_value", 1026),
            encoder_eps=eps,
            decoder_eps=eps,
            encoder_theta=theta,
            decoder_theta=theta,
            max_text=audio.get("text_length", 1024),
            max_steps=audio.get("audio_length", 3072),
        )


SILU = ("silu", "linear")
DELAYS = (0, 8, 9, 10, 11, 12, 13, 14, 15)


def _present(data: Said) -> Said:
    """Without the nulls."""
    return {name: value for name, value in data.items() if value is not None}


def _said(data: Said, key: str) -> Said:
    """A block without the nulls, empty if there is none."""
    return _present(data.get(key) or {})


def _theta(said: Said) -> float:
    return float(_said(said, "rope_parameters").get("rope_theta", said.get("rope_theta", 10000)))


def _transformer(said: Said, *, layers: int, width: int, hidden: int, kv_heads: int) -> Transformer:
    """A block of sizes; the numbers are the published ones."""
    return Transformer(
        layers=said.get("num_hidden_layers", layers),
        width=said.get("hidden_size", width),
        hidden=said.get("intermediate_size", hidden),
        heads=said.get("num_attention_heads", 16),
        kv_heads=said.get("num_key_value_heads", kv_heads),
        head_dim=said.get("head_dim", 128),
        activations=SILU,
    )
