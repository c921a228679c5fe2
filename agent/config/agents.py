"""The section `agents`: several agents in one file, which hand the conversation to one another."""

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any

from pydantic import Field, SerializeAsAny, ValidationError, WithJsonSchema, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from agent.config.engines import LLM, TTS, EngineSection, Family
from agent.config.merging import merged_section
from agent.config.sections import MicrophoneSettings, Section, SpeakerSettings
from agent.config.tools import ToolSettings
from agent.errors import did_you_mean

MOST = 50
"""Agents in one file."""

Engine = Annotated[SerializeAsAny[EngineSection], WithJsonSchema({"type": "object"})]


class MemberSettings(Section):
    """One of several agents. What it leaves out is as in the rest of the file."""

    name: str | None = Field(default=None, description="Shown in the terminal; null for its key.")
    description: str = Field(
        default="", description="What it is there for: what the others' models are told of it."
    )
    instructions: str | None = Field(default=None, description="As in `agent`.")
    greeting: str | None = Field(
        default=None,
        description="Spoken when it begins, or takes over; one that takes over without a greeting "
        "answers what was said last.",
    )
    voice: str | None = Field(
        default=None, description="Another voice of the engine of `tts`, which is shared."
    )
    tts: Engine | None = Field(default=None, description="Its voice, over the keys of `tts`.")
    llm: Engine | None = Field(default=None, description="Its model, over the keys of `llm`.")
    tools: list[ToolSettings] | None = Field(default=None, description="In the place of `tools`.")
    handoff: list[str] | None = Field(
        default=None,
        description="Agents to whom it may hand over; null for all others, [] for none.",
    )
    microphone: MicrophoneSettings | None = Field(
        default=None, description="A microphone of its own, for `parley run`."
    )
    speaker: SpeakerSettings | None = Field(
        default=None, description="A speaker of its own, for `parley run`."
    )

    @field_validator("tts", "llm", mode="before")
    @classmethod
    def _engine(cls, value: object, info: Any) -> object:
        return None if value is None else _FAMILIES[info.field_name].validate(value)


_FAMILIES: Mapping[str, Family] = {"llm": LLM, "tts": TTS}
AgentName = Annotated[str, Field(min_length=1, max_length=64)]
Members = Annotated[dict[AgentName, MemberSettings], Field(max_length=MOST)]


class DialogueSettings(Section):
    """Two of the `agents` talk with each other; whoever listens may cut in."""

    topic: str = Field(default="", description="What they talk about; empty for no dialogue.")
    between: Annotated[list[str], Field(max_length=2)] = Field(
        default=[], description="Their keys in `agents`; empty for the first two."
    )
    turns: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=8, description="How often one of them speaks."
    )

    def speakers(self, members: Iterable[str]) -> list[str]:
        """The keys of the two."""
        return self.between or [*members][:2]


def checked_dialogue(dialogue: DialogueSettings, members: Collection[str]) -> None:
    """Raise pydantic's ValidationError for a dialogue of fewer than two, or with nobody."""
    if not dialogue.topic:
        return
    if len(members) < 2:
        raise _problem(("dialogue", "topic"), "needs two `agents`", dialogue.topic)
    for index, name in enumerate(dialogue.between):
        if name not in members:
            hint = did_you_mean(name, members, f"; there are {', '.join(members)}")
            raise _problem(("dialogue", "between", index), f"no such agent '{name}'{hint}", name)
    if len({*dialogue.between}) == 1:
        message = "should be two different agents"
        raise _problem(("dialogue", "between"), message, dialogue.between)


def over_the_file(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a configuration's data in which the agents' engines have the file's keys, too."""
    members = data.get("agents")
    if not isinstance(members, Mapping):
        return data
    whole: dict[Any, Any] = {}
    for name, member in members.items():
        whole[name] = {} if member is None else member
        if isinstance(member, Mapping):
            whole[name] = dict(member)
            for section, family in _FAMILIES.items():
                own, base = member.get(section), data.get(section)
                if isinstance(own, Mapping) and isinstance(base, Mapping):
                    whole[name][section] = merged_section(family, base, own)
    return {**data, "agents": whole}


def completed(
    members: Mapping[str, MemberSettings], *, base: Mapping[str, Any], start: str
) -> dict[str, MemberSettings]:
    """Return the agents with everything that they leave out.

    `base` has what they then have: instructions, greeting (for `start` alone), tts, llm, tools.
    Raises pydantic's ValidationError for one that hands over to nobody, or a voice that is none.
    """
    if start not in members:
        hint = did_you_mean(start, members, f"; there are {', '.join(members)}")
        raise _problem(("start",), f"no such agent{hint}", start)
    whole = {}
    for name, member in members.items():
        others = [other for other in members if other != name]
        for index, target in enumerate(member.handoff or ()):
            if target not in others:
                what = "itself" if target == name else f"'{target}', whom nobody knows"
                hint = "" if target == name else did_you_mean(target, others)
                message = f"hands over to {what}{hint or f'; there are {_listed(others)}'}"
                raise _problem(("agents", name, "handoff", index), message, target)
        tts = member.tts or base["tts"]
        if member.voice is not None:
            if "voice" not in type(tts).model_fields:
                message = f"the voice {tts.engine_name} has but one: give {name} a `tts`"
                raise _problem(("agents", name, "voice"), message, member.voice)
            tts = tts.model_copy(update={"voice": member.voice})
        unsaid = {
            "name": name if member.name is None else member.name,
            "instructions": base["instructions"],
            "greeting": base["greeting"] if name == start else "",
            "llm": base["llm"],
            "tools": base["tools"],
            "handoff": others,
        }
        changes = {key: value for key, value in unsaid.items() if getattr(member, key) is None}
        whole[name] = member.model_copy(update={**changes, "tts": tts})
    return whole


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "no others"


def _problem(loc: tuple[str | int, ...], message: str, value: object) -> ValidationError:
    problem = PydanticCustomError("agents", "{reason}", {"reason": message})
    details = InitErrorDetails(type=problem, loc=loc, input=value)
    return ValidationError.from_exception_data("agents", [details])
