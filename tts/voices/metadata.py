"""A voice's file, checked: what its tensors and its text metadata must be."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, Json

from tts.strict import Strict, check
from tts.voices.word import Word


class Said(Strict):
    text: str
    start: float
    end: float


class Metadata(BaseModel):
    """All of it is text, some of that JSON."""

    model_config = ConfigDict(allow_inf_nan=False)

    name: str
    speaker: Literal["0", "1"]
    frame_rate: Annotated[float, Field(gt=0)]
    words: Json[list[Said]]
    provenance: Json[dict[str, Any]]


def fields(metadata: Mapping[str, str], codes: NDArray[Any], codec: NDArray[Any]) -> dict[str, Any]:
    """Check a file's parts, and give a voice's fields but for the tensors. Raises ValueError."""
    if codes.ndim != 2 or codes.dtype != np.int32 or not codes.size or codes.min() < 0:
        raise ValueError("codes are whole numbers by codebook and frame")
    if codec.ndim != 1 or codec.dtype != np.float32:
        raise ValueError("the codec's signature is float32")
    said = check(Metadata, dict(metadata))
    return {
        "name": said.name,
        "words": tuple(Word(each.text, each.start, each.end) for each in said.words),
        "frame_rate": said.frame_rate,
        "speaker": int(said.speaker),
        "provenance": {key: str(value) for key, value in said.provenance.items()},
    }
