"""An agent's whole configuration: one YAML file, every key validated, every default known."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    Field,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from agent.config.agents import (
    DialogueSettings,
    Members,
    checked_dialogue,
    completed,
    over_the_file,
)
from agent.config.engines import FAMILIES, LLM, STT, TTS, EngineSection
from agent.config.errors import report
from agent.config.language import (
    dismissed_in,
    engine_in_language,
    named_language,
    said_in_language,
    sorry_in,
)
from agent.config.layers import Layers, assigned
from agent.config.sections import (
    AgentSettings,
    EchoMode,
    IdleSettings,
    InterruptionSettings,
    MicrophoneSettings,
    Section,
    ServerSettings,
    SessionSettings,
    SpeakerSettings,
    Switch,
    ThinkingSettings,
    TurnSettings,
    VadSettings,
)
from agent.config.tools import ToolSettings
from agent.config.wake import WakeSettings
from agent.config.yaml_source import Source, read_source
from agent.errors import ConfigError, did_you_mean
from agent.guards import secrets
from agent.languages import AUTO, code_of


class Config(Section):
    """Everything that describes an agent."""

    language: Annotated[str, AfterValidator(named_language)] = Field(
        default=AUTO,
        description="The conversation's, such as de or german: sets the recogniser, the voice, the "
        "words by which turns, yes and no are known, and what the agent says by itself, where "
        "their own keys do not; auto goes by what is heard, turn by turn.",
    )
    agent: AgentSettings = Field(default=AgentSettings(), validate_default=True)
    microphone: MicrophoneSettings = MicrophoneSettings()
    speaker: SpeakerSettings = SpeakerSettings()
    vad: VadSettings = VadSettings()
    echo: Switch[EchoMode] = Field(
        default="auto",
        description="What keeps the agent from hearing itself: echo cancellation (the extra "
        "`echo`), a microphone that is deaf while the agent speaks, nothing (headphones), or "
        "whichever of them fits.",
    )
    turn: TurnSettings = TurnSettings()
    interruption: InterruptionSettings = InterruptionSettings()
    idle: IdleSettings = Field(default=IdleSettings(), validate_default=True)
    wake: WakeSettings = Field(default=WakeSettings(), validate_default=True)
    thinking: ThinkingSettings = ThinkingSettings()
    session: SessionSettings = SessionSettings()
    server: ServerSettings = ServerSettings()
    tools: list[ToolSettings] = Field(
        default=[], description="What the agent may do besides talking."
    )
    stt: SerializeAsAny[EngineSection] = Field(
        default_factory=lambda: STT.validate({}), validate_default=True
    )
    llm: SerializeAsAny[EngineSection] = Field(default_factory=lambda: LLM.validate({}))
    tts: SerializeAsAny[EngineSection] = Field(
        default_factory=lambda: TTS.validate({}), validate_default=True
    )
    agents: Members = Field(
        default={},
        description="Several agents, by their keys, who hand the conversation to one another.",
    )
    start: str | None = Field(
        default=None, description="The key of the one that begins; null for the first."
    )
    dialogue: DialogueSettings = DialogueSettings()

    @model_validator(mode="before")
    @classmethod
    def _empty_section_is_default(cls, data: object) -> object:
        """`turn:` with nothing below it, or all of it commented out, is null in YAML."""
        if isinstance(data, Mapping):
            return over_the_file({key: value for key, value in data.items() if value is not None})
        return data

    @model_validator(mode="after")
    def _first_agent_begins(self) -> Self:
        """Complete the agents, and be as the one that begins is."""
        checked_dialogue(self.dialogue, self.agents)
        if not self.agents:
            if self.start is not None:
                raise PydanticCustomError("agents", "start: there are no agents")
            return self
        start = self.start or next(iter(self.agents))
        own = {name: getattr(self, name) for name in ("tts", "llm", "tools")}
        base = {**self.agent.model_dump(include={"instructions", "greeting"}), **own}
        agents = completed(self.agents, base=base, start=start)
        for key, each in agents.items():
            if each.tts is not None:
                voice = engine_in_language(each.tts, self.language, "tts")
                agents[key] = each.model_copy(update={"tts": voice})
        # Values never change, but this one is not done yet.
        self.__dict__.update(self.model_copy(update={"agents": agents}).of(start).__dict__)
        return self

    def of(self, name: str) -> Self:
        """This configuration with another of its agents in the first place. Raises ConfigError."""
        if name not in self.agents:
            raise ConfigError(f"there is no agent '{name}'{did_you_mean(name, self.agents)}")
        member = self.agents[name]
        keys = {key: getattr(member, key) for key in ("name", "instructions", "greeting")}
        engines = {key: getattr(member, key) for key in ("tts", "llm", "tools")}
        agent = self.agent.model_copy(update=keys)
        return self.model_copy(update={"agent": agent, "start": name, **engines})

    @property
    def spoken(self) -> str | None:
        """The code of the language that is spoken; None where that is heard."""
        return None if self.language == AUTO else self.language

    def heard_in(self, language: str | None) -> Self:
        """This configuration saying in the language that is heard what it leaves open."""
        code = code_of(language)
        if code is None or code == self.language:
            return self
        said = {"agent": sorry_in(self.agent, code), "idle": said_in_language(self.idle, code)}
        return self.model_copy(update=said)

    def changed(self, changes: Mapping[str, Mapping[str, Any]]) -> Self:
        """This configuration with some keys of its sections changed. Raises ConfigError."""
        sections = {}
        for name, keys in changes.items():
            section = getattr(self, name, None)
            if not isinstance(section, Section) or name in FAMILIES:
                raise ConfigError(f"{name}: no section that can be changed in a conversation")
            try:
                sections[name] = type(section).model_validate({**section.model_dump(), **keys})
            except ValidationError as error:
                first = error.errors()[0]
                key = ".".join(map(str, (name, *first["loc"])))
                raise ConfigError(f"{key}: {first['msg']}") from None
        return self.model_copy(update=sections)

    def engines_of(self, section: str) -> list[EngineSection]:
        """Each different engine of a section, of all the agents, those that stand in too."""
        different: list[EngineSection] = []
        for config in (self, *map(self.of, self.agents)):
            own: EngineSection = getattr(config, section)
            different += [engine for engine in own.engines if engine not in different]
        return different

    @field_validator("stt", "llm", "tts", mode="before")
    @classmethod
    def _engine(cls, value: object, info: ValidationInfo) -> EngineSection:
        return FAMILIES[info.field_name or ""].validate(value)

    @field_validator("wake", mode="after")
    @classmethod
    def _sleeps(cls, value: WakeSettings, info: ValidationInfo) -> WakeSettings:
        return dismissed_in(value, info.data.get("language", AUTO))

    @field_validator("agent", "idle", mode="after")
    @classmethod
    def _says(cls, value: Any, info: ValidationInfo) -> Any:
        return said_in_language(value, info.data.get("language", AUTO))

    @field_validator("stt", "tts", mode="after")
    @classmethod
    def _speaks(cls, value: EngineSection, info: ValidationInfo) -> EngineSection:
        return engine_in_language(value, info.data.get("language", AUTO), info.field_name or "")


def load_config(name_or_path: str | Path | None = None, assignments: Sequence[str] = ()) -> Config:
    """Read a configuration: a preset's name, a path, or None for the one `find_config` finds.

    `assignments` are like `tts.voice=anna`, and stand over what the files say. Raises ConfigError
    with one line, `FILE:LINE: key: what is wrong`, for every problem.
    """
    return load_with_files(name_or_path, assignments)[0]


def load_with_files(
    name_or_path: str | Path | None = None, assignments: Sequence[str] = ()
) -> tuple[Config, list[Path]]:
    """As `load_config`, with the files that were read. Raises ConfigError."""
    layers = Layers(locate, place_name)
    source = layers.read(locate(name_or_path))
    return _config(assigned(source, assignments)), layers.files


def parse_config(content: bytes, name: str, place: Path | None = None) -> Config:
    """Read YAML in memory; `name` is how messages call it. Raises ConfigError.

    What it includes is beside the file `place`.
    """
    layers = Layers(locate, place_name)
    return _config(layers.composed(read_source(content, name), place))


def _config(source: Source) -> Config:
    secrets.learn_settings(source.data)
    try:
        config = Config.model_validate(source.data)
    except ValidationError as error:
        report(error, source, Config)
    source.raise_problems()
    return config


def presets() -> list[str]:
    """The names of the configurations that come with Parley."""
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in files("configs").iterdir()
        if entry.name.endswith(".yaml")
    )


def examples() -> list[str]:
    """The names of the examples that come with Parley: agents that show how one is written."""
    return sorted(
        f"examples/{entry.name.removesuffix('.yaml')}"
        for entry in files("configs").joinpath("examples").iterdir()
        if entry.name.endswith(".yaml") and not entry.name.endswith(".cases.yaml")
    )


def locate(name_or_path: str | Path | None) -> Traversable:
    """The file that `load_config` reads. Raises ConfigError if there is none such."""
    if name_or_path is None:
        return find_config() or files("configs") / "offline.yaml"
    if name_or_path in presets():
        return files("configs") / f"{name_or_path}.yaml"
    if name_or_path in examples():
        return files("configs").joinpath(f"{name_or_path}.yaml")
    with suppress(OSError, RuntimeError):  # too long a name, a home of nobody's
        path = Path(name_or_path).expanduser()
        if path.exists():
            return path
    names = presets()
    hint = did_you_mean(Path(name_or_path).stem, names)
    raise ConfigError(f"{name_or_path}: no such file or preset{hint} (presets: {', '.join(names)})")


def find_config() -> Path | None:
    """The user's own configuration: `parley.yaml` here, or `config.yaml` in their folder."""
    candidates = (Path("parley.yaml"), user_config())
    return next((path for path in candidates if path.is_file()), None)


def user_config() -> Path:
    """Where the user's own configuration is for wherever they are: what `parley setup` writes."""
    if sys.platform == "win32":
        folder = os.environ.get("APPDATA") or Path.home() / "AppData/Roaming"
    else:
        folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder, "parley", "config.yaml")


def place_name(place: Traversable) -> str:
    """How people call a file that `locate` found: a preset is `configs/NAME.yaml`."""
    return f"configs/{place.name}" if place in files("configs").iterdir() else str(place)


def public(config: Section) -> dict[str, Any]:
    """The configuration as plain data without its secrets, for people and logs."""
    return {
        key: secrets.public(value, key) for key, value in config.model_dump(mode="json").items()
    }
