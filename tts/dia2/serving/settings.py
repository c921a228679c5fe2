"""What the engine was told. Without torch: the configuration is read before anything is loaded."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The arguments of `Dia2Speech`, which says what they mean."""

    model: str
    device: str
    dtype: str
    quantize: Literal["none", "int8"]
    mimi: str | None
    tokenizer: str | None
    voice: str | None
    cfg: float
    text_temperature: float
    text_top_k: int
    audio_temperature: float
    audio_top_k: int
    seed: int | None
    starve: Literal["hold", "pad"]
    starve_after: float
    slots: int
    context: int
