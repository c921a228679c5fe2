"""Dia2's settings. Without torch: the configuration is read before anything is loaded."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field


@dataclass(kw_only=True, eq=False)
class Settings:
    """The keys of Dia2's section in the configuration: the arguments of its engine."""

    model: Annotated[
        str, Field(description="A folder, or a Hugging Face repository (owner/name).")
    ] = "nari-labs/Dia2-1B"
    device: Annotated[
        str, Field(description="auto, cpu or cuda; auto takes an NVIDIA GPU if there is one.")
    ] = "auto"
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Field(description="What is computed in; auto is bfloat16 on a GPU."),
    ] = "auto"
    quantize: Annotated[
        Literal["none", "int8"],
        Field(description="int8 weights: several times as fast on a CPU, a little less exact."),
    ] = "none"
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
    voice: Annotated[
        str | None,
        Field(description="A voice's name or file; without one every reply has a new voice."),
    ] = None
    cfg: Annotated[
        float, Field(ge=1, description="Guidance by the text; 1 is none, and faster.")
    ] = 2.0
    text_temperature: Annotated[float, Field(ge=0, description="Of the words' timing.")] = 0.6
    text_top_k: Annotated[int, Field(ge=0, description="0 for no limit.")] = 50
    audio_temperature: Annotated[float, Field(ge=0, description="Of the sound.")] = 0.8
    audio_top_k: Annotated[int, Field(ge=0, description="0 for no limit.")] = 50
    seed: Annotated[
        int | None,
        Field(ge=0, lt=2**63, description="The same text sounds the same; or by chance."),
    ] = None
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
    slots: Annotated[
        int, Field(ge=1, le=64, description="Utterances that can be spoken at the same time.")
    ] = 1
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
