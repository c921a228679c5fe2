"""Keys of the configuration that Dia and Dia2 both have, as types. Without torch."""

from typing import Annotated, Literal

from pydantic import Field

ModelName = Annotated[
    str, Field(description="A folder, or a Hugging Face repository (owner/name).")
]
DeviceName = Annotated[
    str, Field(description="auto, cpu or cuda; auto takes an NVIDIA GPU if there is one.")
]
DtypeName = Annotated[
    Literal["auto", "float32", "bfloat16"],
    Field(description="What is computed in; auto is bfloat16 on a GPU."),
]
VoiceName = Annotated[
    str | None,
    Field(description="A voice's name or file; without one every reply has a new voice."),
]
Seed = Annotated[
    int | None,
    Field(ge=0, lt=2**63, description="The same text sounds the same; or by chance."),
]
Slots = Annotated[
    int, Field(ge=1, le=64, description="Utterances that can be spoken at the same time.")
]
