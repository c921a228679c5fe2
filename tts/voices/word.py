"""A word of a recording, with its times."""

import math
from dataclasses import dataclass

from tts.protocol import TextToSpeechError


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a recording; `start` and `end` in seconds from the recording's beginning."""

    text: str
    start: float
    end: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.end)):
            raise TextToSpeechError(f"the word {self.text!r} has no time")
