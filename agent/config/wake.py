"""The section `wake`: how an agent that sleeps is called, and when it sleeps again."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from agent.config.sections import Probability, Section

MOST_WORDS = 8
"""Phrases that are listened for at a time: each costs a little, and may be heard by mistake."""


class WakeSettings(Section):
    """Words that wake the agent; without any it never sleeps. In `parley talk` only."""

    words: Annotated[list[str], Field(max_length=MOST_WORDS)] = Field(
        default=[], description="Phrases such as 'hey parley'; the longer, the fewer false wakes."
    )
    engine: Literal["auto", "pocketsphinx", "openwakeword"] = Field(
        default="auto",
        description="What listens for them: pocketsphinx, for any English phrase, or openWakeWord "
        "(the extra `wake`), for those that it has a model of; auto takes the latter where it can.",
    )
    model: str | None = Field(
        default=None,
        description="openWakeWord's: your own .tflite or .onnx file; null for the one of the word.",
    )
    sensitivity: Probability = Field(
        default=0.5, description="Higher wakes more easily, and more often by mistake."
    )
    timeout: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=15.0, description="Seconds without a turn after which it sleeps again."
    )
    sound: bool = Field(default=True, description="A soft tone says that it listens.")
    greeting: str = Field(default="", description="Spoken then instead; empty for the tone.")
    dismissals: list[str] = Field(
        default=[
            *("go to sleep", "go back to sleep", "that's all", "that is all", "that will be all"),
            *("that'll be all", "that's all thanks", "that's all thank you", "stop listening"),
            *("goodbye", "good bye", "bye", "bye bye", "never mind"),
        ],
        description="A turn of these words alone sends it to sleep.",
    )

    @property
    def enabled(self) -> bool:
        """Whether the agent sleeps at all."""
        return bool(self.words)

    @field_validator("words")
    @classmethod
    def _sayable(cls, words: list[str]) -> list[str]:
        plain = [" ".join(word.lower().split()) for word in words]
        if any(not any(map(str.isalpha, word)) for word in plain):
            raise PydanticCustomError("wake_word", "should be words that can be said")
        return plain

    @model_validator(mode="after")
    def _model_belongs_to_a_word(self) -> Self:
        if self.model is None:
            return self
        if self.engine == "pocketsphinx":
            raise PydanticCustomError("wake_model", "wake.model needs engine: openwakeword")
        if len(self.words) != 1:
            raise PydanticCustomError("wake_model", "wake.model needs the one word that it hears")
        return self
