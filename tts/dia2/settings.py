"""Dia2's settings. Without torch: the configuration is read before anything is loaded."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from tts.transformer.keys import DeviceName, DtypeName, ModelName, Seed, Slots, VoiceName


@dataclass(kw_only=True, eq=False)
class Settings:
    """The keys of Dia2's section in the configuration: the arguments of its engine."""

    model: ModelName = "nari-labs/Dia2-1B"
    device: DeviceName = "auto"
    dtype: DtypeName = "auto"
    quantize: Annotated[
        Literal["auto", "none", "int8"],
        Field(
            description="int8 weights: several times as fast on a CPU, a little less exact; auto "
            "takes them where float32 would be slower than speech."
        ),
    ] = "auto"
    kernels: Annotated[
        bool,
        Field(description="Parley's own Triton kernels on a GPU: never timed on one yet."),
    ] = False
    mimi: Annotated[
        str | None, Field(description="The codec, if it is not the one that the model names.")
    ] = None
    tokenizer: Annotated[
        str | None, Field(description="The tokenizer, if it is not the model's own.")
    ] = None
    voice: VoiceName = None
    cfg: Annotated[
        float, Field(ge=1, description="Guidance by the text; 1 is none, and faster.")
    ] = 2.0
    text_temperature: Annotated[float, Field(ge=0, description="Of the words' timing.")] = 0.6
    text_top_k: Annotated[int, Field(ge=0, description="0 for no limit.")] = 50
    audio_temperature: Annotated[float, Field(ge=0, description="Of the sound.")] = 0.8
    audio_top_k: Annotated[int, Field(ge=0, description="0 for no limit.")] = 50
    seed: Seed = None
    starve: Annotated[
        Literal["hold", "pad"],
        Field(
            description="When text is late: hold freezes in mid-word, pad has the model say "
            "what it has and pause."
        ),
    ] = "pad"
    starve_after: Annotated[
        float, Field(ge=0, description="Seconds of a gap to accept before the model pauses.")
    ] = 0.0
    slots: Slots = 1
    context: Annotated[
        int,
        Field(
            ge=0,
            le=100,
            description="Last turns of the conversation, as they sounded, that a reply goes on "
            "from: the agent's as [S1], the user's as [S2].",
        ),
    ] = 0

    @property
    def placement(self) -> dict[str, Any]:
        """What loading the model takes for every use, offline too (`Bundle.load`)."""
        names = ("device", "dtype", "mimi", "tokenizer")
        return {name: getattr(self, name) for name in names}
