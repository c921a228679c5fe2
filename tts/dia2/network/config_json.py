"""A stranger's `config.json`: every key of Dia2's with its kind and limits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from tts.dia2.network.config import ACTIVATIONS, Dia2Config
from tts.strict import InvalidValueError, Strict, check, read_checked

# Far above every published model, far below what hangs or fills the memory before the weights show
# that they are not of such a size.
Width = Annotated[int, Field(ge=1, le=1 << 18)]
Heads = Annotated[int, Field(ge=1, le=1 << 10)]
Vocabulary = Annotated[int, Field(ge=1, le=1 << 20)]
Token = Annotated[int, Field(ge=0)]
Delay = Annotated[int, Field(ge=1, le=1 << 10)]
Positive = Annotated[float, Field(gt=0)]
CODEBOOKS = 128


def _known(name: str) -> str:
    if name.lower() not in ACTIVATIONS:
        raise ValueError(f"must be one of {', '.join(ACTIVATIONS)}")
    return name


Activations = Annotated[
    list[Annotated[str, AfterValidator(_known)]], Field(min_length=2, max_length=2)
]


class Data(Strict):
    channels: Annotated[int, Field(ge=4, le=2 + CODEBOOKS)]
    text_vocab_size: Vocabulary
    audio_vocab_size: Annotated[Vocabulary, Field(ge=3)]
    action_vocab_size: Annotated[Vocabulary, Field(ge=2)]
    text_new_word_token_id: Token
    text_pad_token_id: Token
    text_zero_token_id: Token | None = None
    audio_pad_token_id: Token | None = None
    audio_bos_token_id: Token | None = None
    delay_pattern: Annotated[list[Delay], Field(max_length=CODEBOOKS)]
    second_stream_ahead: Annotated[int, Field(ge=0, le=64)] | None = None
    tokenizer_path: str | None = None


class Sizes(Strict):
    n_embd: Width
    n_hidden: Width
    gqa_query_heads: Heads
    kv_heads: Heads
    gqa_head_dim: Annotated[int, Field(ge=2, le=1 << 10, multiple_of=2)]


class Decoder(Sizes):
    n_layer: Annotated[int, Field(ge=1, le=128)]
    low_rank_dim: Width | None = None


class Depformer(Sizes):
    n_layer: Annotated[int, Field(ge=1, le=32)]
    mlp_activations: Activations | None = None
    apply_rope: bool | None = None
    text_embedding: bool | None = None


class Linear(Strict):
    mlp_activations: Activations | None = None


class Model(Strict):
    decoder: Decoder
    depformer: Depformer
    linear: Linear | None = None
    rope_min_timescale: Positive | None = None
    rope_max_timescale: Positive | None = None
    normalization_layer_epsilon: Positive | None = None


class Runtime(Strict):
    weights_schedule: Annotated[list[Token], Field(max_length=2 * CODEBOOKS)] | None = None
    max_context_steps: Annotated[int, Field(ge=1, le=1 << 15)] | None = None


class Assets(Strict):
    tokenizer: str | None = None
    mimi: str | None = None


class Document(Strict):
    """Keys that the published runtime reads but never uses are not looked at."""

    data: Data
    model: Model
    runtime: Runtime
    assets: Assets | None = None


def read(path: Path) -> Dia2Config:
    """Read and check `config.json`. Raises TextToSpeechError naming the file and the key."""
    return read_checked(path, checked)


def checked(data: object) -> Dia2Config:
    """Check a parsed `config.json`. Raises InvalidValueError, naming the key that is wrong."""
    if not isinstance(data, dict):
        raise InvalidValueError("not a Dia2 configuration", "", "an object is expected")
    if _is_dia(data):
        raise InvalidValueError("this is a Dia model", "", "speak it with engine dia")
    check(Document, data)
    config = Dia2Config.from_json(data)
    for key, holds, what in _relations(config):
        if not holds:
            raise InvalidValueError(key, "", what)
    return config


def _is_dia(data: dict[str, Any]) -> bool:
    """Whether it is of the first generation, which has an encoder, in any of its layouts."""
    model = data.get("model")
    return "encoder_config" in data or (isinstance(model, dict) and "encoder" in model)


def _relations(config: Dia2Config) -> Iterator[tuple[str, bool, str]]:
    """What must hold between the values, defaults among them: key, whether it does, what must."""
    for key, token, size in (
        ("text_new_word", config.new_word, config.text_vocab),
        ("text_pad", config.pad, config.text_vocab),
        ("text_zero", config.zero, config.text_vocab),
        ("audio_pad", config.audio_pad, config.audio_vocab),
        ("audio_bos", config.audio_bos, config.audio_vocab),
    ):
        least = int(key.startswith("audio"))
        yield (
            f"data.{key}_token_id",
            least <= token < size,
            f"must be at least {least} and below {size}, not {token}",
        )
    differ = "must differ from text_pad_token_id"
    yield "data.text_new_word_token_id", config.new_word != config.pad, differ
    # Without its delay a codebook would never be heard.
    delays, codebooks, stages = len(config.delays), config.codebooks, len(config.schedule)
    yield "data.delay_pattern", delays == codebooks, f"{delays} for {codebooks} codebooks"
    yield (
        "runtime.weights_schedule",
        stages == codebooks - 1,
        f"{stages} entries for {codebooks - 1} depformer stages",
    )
    for name, shape in (("decoder", config.decoder), ("depformer", config.depformer)):
        divides = shape.heads % shape.kv_heads == 0
        yield f"model.{name}.kv_heads", divides, f"must divide gqa_query_heads ({shape.heads})"
    depth = config.depformer
    same = "must equal gqa_query_heads in the depformer"
    yield "model.depformer.kv_heads", depth.kv_heads == depth.heads, same
