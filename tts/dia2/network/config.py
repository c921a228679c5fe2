"""What a Dia2 checkpoint says about itself: `config.json`, checked."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tts.protocol import TextToSpeechError

_ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "swiglu": "silu",
    "gelu": "gelu",
    "geglu": "gelu",
    "relu": "relu",
    "linear": "linear",
}


@dataclass(frozen=True)
class Transformer:
    """The size of one transformer."""

    layers: int
    width: int
    hidden: int
    """Rows of one branch of the gated MLP."""
    heads: int
    """Query heads."""
    kv_heads: int
    head_dim: int
    activations: tuple[str, str]
    """Of the MLP's gate and of its other branch: "silu", "gelu" (exact), "relu" or "linear"."""


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
    def from_file(cls, path: str | Path) -> Self:
        """Read `config.json`. Raises TextToSpeechError naming the file and what is wrong in it."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise TextToSpeechError(f"cannot read {path}: {error.strerror}") from None
        except ValueError as error:
            raise TextToSpeechError(f"{path} is not JSON: {error}") from None
        try:
            return cls.from_json(data)
        except TextToSpeechError as error:
            raise TextToSpeechError(f"{path}: {error}") from None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Check a parsed `config.json`. Raises TextToSpeechError naming the key that is wrong.

        Keys that the published runtime reads but never uses are not looked at.
        """
        if not isinstance(data, Mapping):
            raise TextToSpeechError("not a Dia2 configuration: an object is expected")
        root = _Block(data, "")
        text, model, runtime = root.block("data"), root.block("model"), root.block("runtime")
        assets = root.block("assets", required=False)
        decoder, depformer = model.block("decoder"), model.block("depformer")
        linear = model.block("linear", required=False)

        codebooks = text.integer("channels", low=4) - 2
        text_vocab = text.integer("text_vocab_size", low=1)
        audio_vocab = text.integer("audio_vocab_size", low=3)
        config = cls(
            codebooks=codebooks,
            text_vocab=text_vocab,
            audio_vocab=audio_vocab,
            action_vocab=text.integer("action_vocab_size", low=2),
            new_word=text.integer("text_new_word_token_id", below=text_vocab),
            pad=text.integer("text_pad_token_id", below=text_vocab),
            zero=text.integer("text_zero_token_id", 7, below=text_vocab),
            audio_pad=text.integer("audio_pad_token_id", audio_vocab - 1, 1, audio_vocab),
            audio_bos=text.integer("audio_bos_token_id", audio_vocab - 2, 1, audio_vocab),
            delays=text.integers("delay_pattern", (), low=1),
            ahead=text.integer("second_stream_ahead", 0),
            decoder=decoder.transformer(linear.activations()),
            depformer=depformer.transformer(depformer.activations()),
            low_rank=decoder.integer("low_rank_dim", low=1)
            if decoder.has("low_rank_dim")
            else None,
            depformer_rope=depformer.boolean("apply_rope", default=True),
            depformer_text=depformer.boolean("text_embedding", default=True),
            schedule=runtime.integers("weights_schedule", range(codebooks - 1))[: codebooks - 1],
            rope_min=model.positive("rope_min_timescale", 1),
            rope_max=model.positive("rope_max_timescale", 10000),
            eps=model.positive("normalization_layer_epsilon", 1e-5),
            max_steps=runtime.integer("max_context_steps", 1500, low=1),
            tokenizer=assets.text("tokenizer") or text.text("tokenizer_path"),
            mimi=assets.text("mimi"),
        )
        if config.new_word == config.pad:
            raise text.wrong("text_new_word_token_id", "must differ from text_pad_token_id")
        if len(config.delays) != codebooks:
            # Without its delay a codebook would never be heard or, with 0, read before it exists.
            raise text.wrong("delay_pattern", f"{len(config.delays)} for {codebooks} codebooks")
        if len(config.schedule) < codebooks - 1:
            raise runtime.wrong(
                "weights_schedule",
                f"{len(config.schedule)} entries for {codebooks - 1} depformer stages",
            )
        if config.depformer.kv_heads != config.depformer.heads:
            raise depformer.wrong("kv_heads", "must equal gqa_query_heads in the depformer")
        return config


class _Block:
    """One object of the configuration; knows its name so that errors say where.

    A null stands for the default, as in the published runtime.
    """

    def __init__(self, data: Mapping[str, Any], name: str) -> None:
        self._data = data
        self._name = name

    def wrong(self, key: str, what: str) -> TextToSpeechError:
        name = f"{self._name}.{key}" if self._name else key
        return TextToSpeechError(f"{name}: {what}")

    def has(self, key: str) -> bool:
        return self._data.get(key) is not None

    def _value(self, key: str, default: object) -> Any:
        if self.has(key):
            return self._data[key]
        if default is None:
            raise self.wrong(key, "missing")
        return default

    def block(self, key: str, *, required: bool = True) -> "_Block":
        value = self._value(key, None if required else {})
        if not isinstance(value, Mapping):
            raise self.wrong(key, f"an object is expected, not {value!r}")
        return _Block(value, f"{self._name}.{key}" if self._name else key)

    def integer(
        self, key: str, default: int | None = None, low: int = 0, below: int | None = None
    ) -> int:
        return self._integer(key, self._value(key, default), low, below)

    def _integer(self, key: str, value: object, low: int, below: int | None = None) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(key, f"a whole number is expected, not {value!r}")
        if value < low or (below is not None and value >= below):
            limits = f"at least {low}" + ("" if below is None else f" and below {below}")
            raise self.wrong(key, f"must be {limits}, not {value}")
        return value

    def integers(self, key: str, default: Sequence[int], low: int = 0) -> tuple[int, ...]:
        value = self._value(key, list(default))
        if not isinstance(value, list):
            raise self.wrong(key, f"a list of whole numbers is expected, not {value!r}")
        return tuple(self._integer(key, item, low) for item in value)

    def positive(self, key: str, default: float) -> float:
        value = self._value(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.wrong(key, f"a number is expected, not {value!r}")
        if not 0 < value < math.inf:
            raise self.wrong(key, f"must be positive, not {value}")
        return float(value)

    def boolean(self, key: str, *, default: bool) -> bool:
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, f"true or false is expected, not {value!r}")
        return value

    def text(self, key: str) -> str | None:
        value = self._data.get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong(key, f"a string is expected, not {value!r}")
        return value

    def activations(self) -> tuple[str, str]:
        names = self._value("mlp_activations", ["silu", "linear"])
        if not isinstance(names, list) or len(names) != 2:
            raise self.wrong("mlp_activations", f"a list of two names is expected, not {names!r}")
        return self._activation(names[0]), self._activation(names[1])

    def _activation(self, name: object) -> str:
        known = _ACTIVATIONS.get(name.lower()) if isinstance(name, str) else None
        if known is None:
            raise self.wrong(
                "mlp_activations", f"unknown {name!r}; known are {', '.join(_ACTIVATIONS)}"
            )
        return known

    def transformer(self, activations: tuple[str, str]) -> Transformer:
        size = Transformer(
            layers=self.integer("n_layer", low=1),
            width=self.integer("n_embd", low=1),
            hidden=self.integer("n_hidden", low=1),
            heads=self.integer("gqa_query_heads", low=1),
            kv_heads=self.integer("kv_heads", low=1),
            head_dim=self.integer("gqa_head_dim", low=2),
            activations=activations,
        )
        if size.heads % size.kv_heads:
            raise self.wrong("kv_heads", f"must divide gqa_query_heads ({size.heads})")
        if size.head_dim % 2:
            raise self.wrong("gqa_head_dim", f"must be even, not {size.head_dim}")
        return size
