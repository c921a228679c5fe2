"""Dia's settings. Without torch: the configuration is read before anything is loaded."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from tts.transformer.keys import DeviceName, DtypeName, ModelName, Seed, Slots, VoiceName


@dataclass(kw_only=True, eq=False)
class Settings:
    """The keys of Dia's section in the configuration: the arguments of its engine."""

    model: ModelName = "nari-labs/Dia-1.6B-0626"
    device: DeviceName = "auto"
    dtype: DtypeName = "auto"
    quantize: Annotated[
        Literal["none", "int8"],
        Field(description="int8 weights: more than twice as fast on a CPU, a little less exact."),
    ] = "none"
    dac: Annotated[
        str | None,
        Field(description="The codec, if it is not in the model's folder or descript/dac_44khz."),
    ] = None
    voice: VoiceName = None
    cfg: Annotated[
        float | None,
        Field(ge=1, description="Guidance by the text; 1 is none, and faster. The model's: 3."),
    ] = None
    temperature: Annotated[
        float | None,
        Field(ge=1, description="Of the sound; below 1 Dia makes noise. The model's: 1.8."),
    ] = None
    top_k: Annotated[int | None, Field(ge=1, description="The model's: 45 or 50.")] = None
    top_p: Annotated[float | None, Field(gt=0, le=1, description="The model's: 0.9.")] = None
    seed: Seed = None
    slots: Slots = 1

    @property
    def placement(self) -> dict[str, Any]:
        """What loading the model takes for every use, offline too (`Dia.load`)."""
        return {name: getattr(self, name) for name in ("device", "dtype", "quantize", "dac")}
