"""Cases: what a scripted user says, and what is expected of the agent, from a YAML file."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from agent.config.engines import LLM, TTS, EngineSection
from agent.config.errors import report
from agent.config.sections import Section
from agent.config.yaml_source import MAX_BYTES, read_source
from agent.errors import ConfigError

Seconds = Annotated[float, Field(ge=0, le=3600)]
Text = Annotated[str, Field(min_length=1, max_length=5000)]


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


Texts = Annotated[list[Text], BeforeValidator(_listed)]


class Words(Section):
    """What words should be like; case and punctuation do not count for `contains` and `lacks`."""

    contains: Texts = Field(default=[])
    matches: Texts = Field(default=[])
    lacks: Texts = Field(default=[])

    @model_validator(mode="before")
    @classmethod
    def _alone(cls, value: object) -> object:
        """A text alone should be contained."""
        return {"contains": value} if isinstance(value, str | list) else value

    @field_validator("matches")
    @classmethod
    def _patterns(cls, value: list[str]) -> list[str]:
        for each in value:
            try:
                re.compile(each)
            except re.error as error:
                raise PydanticCustomError(
                    "pattern", "should be a regular expression: {why}", {"why": str(error)}
                ) from None
        return value


class Call(Section):
    """A call of a tool; its arguments are these and perhaps others."""

    name: Text
    arguments: dict[str, Any] = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value


class Expectation(Section):
    """What is expected of the agent from one turn of the user's to the next."""

    says: Words | None = None
    """All that it says."""
    understands: Words | None = None
    """What the recogniser makes of the user's words."""
    calls: Annotated[list[Call], BeforeValidator(_listed)] | None = None
    """Calls of tools, in this order, perhaps with others between; [] for none at all."""
    latency: Seconds | None = None
    """The longest that the user may wait for the first word."""
    heard: Words | None = None
    """What was heard of an answer that the user interrupted."""
    agent: Text | None = None
    """Who of several agents is in charge in the end."""
    judge: Texts = Field(default=[])
    """What a language model is asked whether it is so."""


class Turn(Section):
    """The user says something, or waits."""

    say: Annotated[list[Text | Seconds], BeforeValidator(_listed), Field(min_length=1)] | None = (
        None
    )
    """Texts, and seconds of silence between them."""
    interrupt: Text | Seconds | None = None
    """Words of the agent's, once they are heard, or seconds of its answer."""
    wait: Seconds | None = None
    """Seconds before."""
    expect: Expectation = Expectation()

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.say is None and self.wait is None:
            raise PydanticCustomError("turn", "should have say or wait")
        if self.interrupt is not None and (self.say is None or self.wait is not None):
            raise PydanticCustomError("turn", "interrupts with something to say, and no wait")
        return self

    @property
    def text(self) -> str:
        """What is said, as it is typed."""
        return " ".join(part for part in self.say or [] if isinstance(part, str))


class Manner(Section):
    """How the user talks."""

    user: Literal["text", "speech"] | None = None
    voice: SerializeAsAny[EngineSection] | None = None
    ears: Literal["recogniser", "script"] | None = None
    """Whether the agent understands what its recogniser does, or what the script says."""
    noise: Annotated[float, Field(ge=-10, le=60)] | None = None
    """Decibels of the voice over a noise; None for silence."""
    repeat: Annotated[int, Field(ge=1, le=100)] | None = None

    @field_validator("voice", mode="before")
    @classmethod
    def _voice(cls, value: object) -> object:
        return None if value is None else TTS.validate(value)


class Case(Manner):
    """One conversation."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    turns: Annotated[list[Turn], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _something_to_interrupt(self) -> Self:
        if self.turns[0].interrupt is not None:
            raise PydanticCustomError("turns", "begin with an interruption: of what?")
        return self


class Cases(Manner):
    """A file of cases; what one leaves out of how the user talks is as in the file."""

    judge: SerializeAsAny[EngineSection] | None = None
    cases: Annotated[list[Case], Field(min_length=1, max_length=1000)]

    @field_validator("judge", mode="before")
    @classmethod
    def _judge(cls, value: object) -> object:
        return None if value is None else LLM.validate(value)

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [case.name for case in self.cases]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise PydanticCustomError("names", "has two cases '{name}'", {"name": twice})
        return self

    def whole(self, case: Case) -> Case:
        """A case with what it leaves out."""
        default = {
            "user": "text",
            "ears": "recogniser",
            "repeat": 1,
            "voice": TTS.validate({}),
            "noise": None,
        }
        names = [name for name in default if getattr(case, name) is None]
        given = {name: getattr(self, name) for name in names}
        changes = {n: default[n] if each is None else each for n, each in given.items()}
        return case.model_copy(update=changes)


def load_cases(path: Path) -> Cases:
    """Read a file of cases. Raises ConfigError with a line for each problem."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    source = read_source(content, str(path))
    cases: Cases | None = None
    try:
        cases = Cases.model_validate(source.data)
    except ValidationError as error:
        report(error, source, Cases)
    source.raise_problems()
    assert cases is not None
    return cases
