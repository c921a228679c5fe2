"""Rules of one's own for Eliza, from the configuration: what is heard, said and called."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from llm_adapters.eliza.numbers import read
from llm_adapters.protocol import Message, ToolCall, ToolSpec

MAX_RULES = 200
RESULT = "{result}"
"""What stands in an answer for what the tool gave."""

SECONDS = {"second": 1, "minute": 60, "hour": 3600}
"""Of what a length of time is counted in."""

OneOrMore = Annotated[
    list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]


class Rule(BaseModel):
    """A rule: where `hears` is found in the user's words, `calls` a tool or `says` something.

    `{0}`, or the name of a group of the pattern, stands for what that caught. Of several things
    to say each has its turn; `says` of a rule that calls is said when the tool has given its
    `{result}`, which is all of it if nothing else is said.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hears: str = Field(
        max_length=1000, description="What is looked for in the user's words, as a pattern."
    )
    calls: str | None = Field(default=None, description="The tool that is called.")
    arguments: dict[str, str | int | float | bool] = Field(
        default={}, description="What it is called with."
    )
    says: OneOrMore = Field(default=[], description="What is said, each in its turn.")

    @field_validator("hears")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise PydanticCustomError(
                "pattern", "should be a regular expression: {why}", {"why": str(error)}
            ) from None
        return value

    @model_validator(mode="after")
    def _does_something(self) -> "Rule":
        if self.calls is None and (self.arguments or not self.says):
            raise PydanticCustomError("rule", "should have calls (with arguments) or says")
        return self


def apply(
    rules: Sequence[Rule],
    messages: Sequence[Message],
    sentences: Sequence[str],
    tools: Sequence[ToolSpec],
) -> ToolCall | str | None:
    """Return what the first rule that fits does with the user's last words, if one fits.

    `sentences` are those words, without punctuation. A rule whose tool is not offered fits nothing.
    """
    turn = sum(message.role == "user" for message in messages) - 1
    offered = {tool.name: tool for tool in tools}
    given = _given(messages)
    for rule in rules:
        found = next(filter(None, (re.search(rule.hears, s, re.I) for s in sentences)), None)
        if found is None or (rule.calls is not None and rule.calls not in offered):
            continue
        if rule.calls is not None and given is None:
            arguments = {
                name: _typed(_filled(value, found), offered[rule.calls], name)
                for name, value in rule.arguments.items()
            }
            return ToolCall(f"rule-{len(messages)}", rule.calls, json.dumps(arguments))
        said = rule.says[turn % len(rule.says)] if rule.says else RESULT
        return str(_filled(said, found, {"result": given or ""}))
    return given  # a call that was no rule's, as after a yes


def _given(messages: Sequence[Message]) -> str | None:
    """What a tool has given since the user spoke; None for no call."""
    for message in reversed(messages):
        if message.role == "tool":
            return message.content
        if message.role == "user":
            break
    return None


def _filled(
    value: str | int | float | bool, found: re.Match[str], more: Mapping[str, str] | None = None
) -> str | int | float | bool:
    """A text with what the pattern's groups caught, by number or name."""
    if not isinstance(value, str):
        return value
    caught = {**{str(n): group for n, group in enumerate(found.groups(""))}, **found.groupdict("")}
    caught |= more or {}
    return re.sub(r"\{(\w+)\}", lambda place: caught.get(place[1], place[0]), value)


def _typed(value: str | int | float | bool, tool: ToolSpec, name: str) -> Any:
    """A text as the number that the tool wants, where it is one in digits or words.

    A time, such as five minutes, is so many seconds.
    """
    wanted = tool.parameters.get("properties", {}).get(name, {})
    kinds = {wanted.get("type"), *(each.get("type") for each in wanted.get("anyOf", ()))}
    if not isinstance(value, str) or not kinds & {"number", "integer"}:
        return value
    words = ["one" if word in ("a", "an") else word for word in value.lower().split()]
    unit = SECONDS.get(words[-1].removesuffix("s")) if words[1:] else None
    words = words[:-1] if unit is not None else words
    number = read(words) if words else None
    if number is None or number[1] != len(words):
        return value
    seconds = number[0] * (unit or 1)
    return int(seconds) if seconds.denominator == 1 else float(seconds)
