"""A stranger's `config.json`: every key of Dia's with its kind and limits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from tts.dia.network.config import DiaConfig
from tts.dia.network.sampling import Sampling
from tts.files import read_json
from tts.protocol import TextToSpeechError
from tts.strict import InvalidValueError, Strict, check, read_checked

# Far above the published model, far below what hangs or fills the memory before the weights show
# that they are not of such a size.
Layers = Annotated[int, Field(ge=1, le=128)]
Width = Annotated[int, Field(ge=1, le=1 << 18)]
Heads = Annotated[int, Field(ge=1, le=1 << 10)]
HeadSize = Annotated[int, Field(ge=2, le=1 << 10, multiple_of=2)]
Vocabulary = Annotated[int, Field(ge=1, le=1 << 20)]
Positions = Annotated[int, Field(ge=1, le=1 << 16)]
Token = Annotated[int, Field(ge=0)]
Delays = Annotated[
    list[Annotated[int, Field(ge=0, le=1 << 10)]], Field(min_length=1, max_length=128)
]
Positive = Annotated[float, Field(gt=0)]


class Rope(Strict):
    rope_type: Literal["default"] | None = None
    rope_theta: Positive | None = None


class Sizes(Strict):
    """What both halves have in Transformers' files."""

    hidden_act: Literal["silu"] | None = None
    hidden_size: Width | None = None
    intermediate_size: Width | None = None
    num_hidden_layers: Layers | None = None
    num_attention_heads: Heads | None = None
    num_key_value_heads: Heads | None = None
    head_dim: HeadSize | None = None
    max_position_embeddings: Positions | None = None
    norm_eps: Positive | None = None
    rope_parameters: Rope | None = None
    rope_scaling: None = None
    rope_theta: Positive | None = None
    vocab_size: Vocabulary | None = None


class Decoder(Sizes):
    cross_head_dim: HeadSize | None = None
    cross_hidden_size: Width | None = None
    cross_num_attention_heads: Heads | None = None
    cross_num_key_value_heads: Heads | None = None
    num_channels: Annotated[int, Field(ge=1, le=128)] | None = None
    bos_token_id: Token | None = None
    eos_token_id: Token | None = None
    pad_token_id: Token | None = None


class Document(Strict):
    """Transformers', of version 4.53 and of version 5."""

    model_type: Literal["dia"]
    encoder_config: Sizes
    decoder_config: Decoder
    delay_pattern: Delays | None = None
    bos_token_id: Token | None = None
    eos_token_id: Token | None = None
    pad_token_id: Token | None = None


class FirstEncoder(Strict):
    n_layer: Layers
    n_embd: Width
    n_hidden: Width
    n_head: Heads
    head_dim: HeadSize


class FirstDecoder(Strict):
    n_layer: Layers
    n_embd: Width
    n_hidden: Width
    gqa_query_heads: Heads
    kv_heads: Heads
    gqa_head_dim: HeadSize
    cross_query_heads: Heads
    cross_head_dim: HeadSize


class FirstModel(Strict):
    encoder: FirstEncoder
    decoder: FirstDecoder
    src_vocab_size: Vocabulary | None = None
    tgt_vocab_size: Vocabulary | None = None
    normalization_layer_epsilon: Positive | None = None
    rope_max_timescale: Positive | None = None


class FirstData(Strict):
    text_length: Positions | None = None
    audio_length: Positions | None = None
    channels: Annotated[int, Field(ge=1, le=128)] | None = None
    audio_bos_value: Token | None = None
    audio_eos_value: Token | None = None
    audio_pad_value: Token | None = None
    delay_pattern: Delays | None = None


class FirstDocument(Strict):
    """Of Dia's first release."""

    model: FirstModel
    data: FirstData


class Generation(Strict):
    """What `generation_config.json` says that matters here."""

    guidance_scale: Annotated[float, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=1)] | None = None
    top_k: Annotated[int, Field(ge=1)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None


def read(path: Path) -> DiaConfig:
    """Read and check `config.json`. Raises TextToSpeechError naming the file and the key."""
    return read_checked(path, checked)


def checked(data: object) -> DiaConfig:
    """Check a parsed `config.json`. Raises InvalidValueError, naming the key that is wrong."""
    if not isinstance(data, dict):
        raise InvalidValueError("not a Dia configuration", "", "an object is expected")
    if _is_dia2(data):
        raise InvalidValueError("this is a Dia2 model", "", "speak it with engine dia2")
    first = "model" in data
    document: type[BaseModel] = FirstDocument if first else Document
    check(document, data)
    config = DiaConfig.from_json(data)
    channels = _channels(data)
    for key, holds, what in _relations(config, channels):
        if not holds:
            raise InvalidValueError(key, "", what)
    return config


def read_sampling(path: Path) -> Sampling:
    """Read how a model is to be sampled from its `generation_config.json`, if there is one.

    Raises TextToSpeechError naming the file and the key.
    """
    try:
        said = check(Generation, read_json(path))
    except FileNotFoundError:
        return Sampling()
    except InvalidValueError as fault:
        raise TextToSpeechError(f"{path}: {fault}") from None
    usual = Sampling()
    return Sampling(
        said.guidance_scale or usual.scale,
        said.temperature or usual.temperature,
        said.top_k or usual.top_k,
        said.top_p or usual.top_p,
    )


def _is_dia2(data: dict[str, Any]) -> bool:
    model = data.get("model")
    return isinstance(model, dict) and "depformer" in model


def _channels(data: dict[str, Any]) -> int | None:
    """How many codebooks the file says there are."""
    found: int | None
    if "model" in data:
        found = data["data"].get("channels")
    else:
        found = data["decoder_config"].get("num_channels")
    return found


def _relations(config: DiaConfig, channels: int | None) -> Iterator[tuple[str, bool, str]]:
    """What must hold between the values, defaults among them: key, whether it does, what must."""
    delays = config.codebooks
    yield "delay_pattern", channels in (None, delays), f"{delays} for {channels} codebooks"
    yield "delay_pattern", config.delays[0] == 0, "must begin with 0: the first codebook leads"
    for name, token in (("eos", config.eos), ("pad", config.pad), ("bos", config.bos)):
        below = token < config.audio_vocab
        yield f"{name}_token_id", below, f"must be below {config.audio_vocab}, not {token}"
    others = config.eos < min(config.pad, config.bos) and config.pad != config.bos
    yield "eos_token_id", config.eos > 0 and others, "must come after the codes, before pad and bos"
    for name, shape in (
        ("encoder", config.encoder),
        ("decoder", config.decoder),
        ("decoder.cross", config.cross),
    ):
        divides = shape.heads % shape.kv_heads == 0
        yield f"{name}: key-value heads", divides, f"must divide the heads ({shape.heads})"
    yield "decoder positions", config.max_steps > 2 * config.max_delay, "must exceed the delays"
