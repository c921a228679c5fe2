"""Engines by name: what there is, what each can be told, and making one.

An engine is a class; its constructor's keyword arguments, with their pydantic metadata, are the
schema of its section in the configuration. Nothing else is written down about an engine, so a
built-in one is a file and a line in a registry, and a third-party one is an entry point.
"""

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    ValidationError,
    WithJsonSchema,
    create_model,
    model_serializer,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

import llm_adapters
import stt
import tts
from agent.config.sections import Section
from agent.errors import ConfigError, did_you_mean
from tts.extras import NAME


class EngineSection(Section):
    """The section of one engine; the fields of a subclass are its constructor's arguments."""

    model_config = ConfigDict(protected_namespaces=())

    engine_name: ClassVar[str]
    engine_class: ClassVar[Callable[..., Any]]
    """The engine's class, or a function that makes the one that fits."""
    selector: ClassVar[str]

    fallback: list[SerializeAsAny["EngineSection"]] = Field(default=[])

    def arguments(self) -> dict[str, Any]:
        """Return what the engine's constructor is called with."""
        keys = type(self).model_fields.keys() - {self.selector, "fallback"}
        return {key: getattr(self, key) for key in type(self).model_fields if key in keys}

    @property
    def engines(self) -> "list[EngineSection]":
        """This engine and those that stand in for it, each on its own."""
        return [self.model_copy(update={"fallback": []}), *self.fallback]

    def named(self, engine: str) -> "EngineSection | None":
        """Return the first of them that is `engine`, on its own."""
        return next((each for each in self.engines if each.engine_name == engine), None)

    @property
    def title(self) -> str:
        """How people call it."""
        return f"{self.engine_name} {getattr(self, 'model', None) or ''}".strip()

    @model_serializer(mode="wrap")
    def _fallback_last(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What it is comes before what stands in for it."""
        values: dict[str, Any] = serialize(self)
        fallback = values.pop("fallback")
        return {**values, "fallback": fallback}


@dataclass(frozen=True)
class Family:
    """All the engines that can stand in one section of the configuration."""

    section: str
    selector: str
    """The key that names the engine."""
    default: str
    group: str
    """The entry point group of third-party engines."""
    kind: str
    """What they are, several of them."""

    @property
    def builtin(self) -> Mapping[str, str]:
        """The engines of this package, as `module:Class`."""
        tables = {"stt": stt.ENGINES, "llm": llm_adapters.ADAPTERS, "tts": tts.ENGINES}
        return tables[self.section]

    def names(self) -> list[str]:
        """Return every engine that can be named, installed packages' own included."""
        return sorted({*self.builtin, *entry_points(group=self.group).names})

    def schemas(self) -> Iterator[type[EngineSection]]:
        """The section of every engine that can be imported."""
        for name in self.names():
            try:
                yield self.schema(name)
            except ConfigError:
                if name in self.builtin:
                    raise

    def schema(self, name: str) -> type[EngineSection]:
        """Return the section of engine `name`. Raises ConfigError if there is none such."""
        point = self._entry_point(name)
        if point is None:
            known = self.names()
            hint = did_you_mean(name, known, f"; there are {', '.join(known)}")
            raise ConfigError(f"unknown {self.selector} '{name}'{hint}")
        try:
            return _schema(self, name, point.value)
        except Exception as error:
            package = point.dist.name if point.dist else NAME
            reason = f"{type(error).__name__}: {error}"
            raise ConfigError(
                f"{self.selector} '{name}' of package {package} cannot be used: {reason}"
            ) from error

    def validate(self, value: object) -> EngineSection:
        """Turn a section as it stands in the file into the named engine's.

        Raises pydantic's ValidationError, which keeps its locations when a validator lets it out.
        """
        if isinstance(value, EngineSection):
            return value
        if not isinstance(value, Mapping):
            return EngineSection.model_validate(value)
        name = value.get(self.selector, self.default)
        try:
            schema = self.schema(str(name))
        except ConfigError as error:
            problem = PydanticCustomError("engine", "{reason}", {"reason": str(error)})
            details = InitErrorDetails(type=problem, loc=(self.selector,), input=name)
            raise ValidationError.from_exception_data(self.section, [details]) from error
        return schema.model_validate({self.selector: schema.engine_name, **value})

    def _entry_point(self, name: str) -> EntryPoint | None:
        """Where `name` is; a built-in engine is never replaced by another package's."""
        if name in self.builtin:
            return EntryPoint(name, self.builtin[name], self.group)
        return next(iter(entry_points(group=self.group, name=name)), None)


STT = Family("stt", "engine", "pocketsphinx", "parley.stt", "recognisers")
LLM = Family("llm", "adapter", "eliza", "parley.llm", "language models")
TTS = Family("tts", "engine", "espeak", "parley.tts", "voices")
FAMILIES: Mapping[str, Family] = {family.section: family for family in (STT, LLM, TTS)}


def create_stt(section: EngineSection, *, patience: float = 1.0) -> stt.SpeechToText:
    """Make the recogniser that `section` describes, with its fallbacks, not loaded yet.

    `patience`: how many times the usual limits it may take before the next one is asked.
    """
    engines = cast("list[tuple[str, stt.SpeechToText]]", _create(section))
    if len(engines) == 1:
        return engines[0][1]
    from agent.engines.fallback.stt import RecogniserFallback

    return RecogniserFallback(engines, patience=patience)


def create_llm(section: EngineSection) -> llm_adapters.LanguageModel:
    """Make the language model that `section` describes, with its fallbacks, not loaded yet."""
    engines = cast("list[tuple[str, llm_adapters.LanguageModel]]", _create(section))
    if len(engines) == 1:
        return engines[0][1]
    from agent.engines.fallback.llm import LanguageModelFallback

    return LanguageModelFallback(engines)


def fitting_voice(section: EngineSection) -> EngineSection:
    """Return `section` with the engines that `auto` stands for on this machine."""
    voice = section
    if section.engine_name == "auto":
        from tts.auto import fitting

        voice = TTS.validate(fitting(**section.arguments()))
    return voice.model_copy(update={"fallback": [*map(fitting_voice, section.fallback)]})


def create_tts(section: EngineSection, *, patience: float = 1.0) -> tts.TextToSpeech:
    """Make the synthesiser that `section` describes, with its fallbacks, not loaded yet.

    `patience`: how many times the usual limits it may take before the next one is asked.
    """
    engines = cast("list[tuple[str, tts.TextToSpeech]]", _create(section))
    if len(engines) == 1:
        return engines[0][1]
    from agent.engines.fallback.tts import VoiceFallback

    return VoiceFallback(engines, patience=patience)


def _create(section: EngineSection) -> list[tuple[str, Any]]:
    """Make an engine and all that stand in for it, with what people call them."""
    made = [(section.title, section.engine_class(**section.arguments()))]
    return made + [each for other in section.fallback for each in _create(other)]


@cache
def _schema(family: Family, name: str, target: str) -> type[EngineSection]:
    """Make the section's model from the constructor of the class at `target` (`module:Class`)."""
    module, _, attribute = target.partition(":")
    engine = getattr(importlib.import_module(module), attribute)
    # Only the default engine may be left unnamed.
    choice: Any = (Literal[name], name if name == family.default else ...)
    model = create_model(
        engine.__name__,
        __base__=EngineSection,
        __module__=engine.__module__,
        __doc__=inspect.getdoc(engine),
        **{family.selector: choice, **_fields(engine), "fallback": _fallback(family)},
    )
    model.engine_name, model.selector = name, family.selector
    model.engine_class = staticmethod(engine)  # a function would become a method
    return model


def _fallback(family: Family) -> tuple[Any, Any]:
    """The field of the engines of a family that stand in for one; a single one needs no list."""
    each = Annotated[
        SerializeAsAny[EngineSection],
        BeforeValidator(family.validate),
        WithJsonSchema({"type": "object"}),
    ]
    several = Annotated[
        list[each],
        BeforeValidator(lambda value: [value] if isinstance(value, Mapping) else value),
    ]
    about = f"Further {family.kind}, asked in this order while this one fails."
    return several, Field(default=[], description=about)


def _fields(engine: type[Any]) -> dict[str, Any]:
    parameters = inspect.signature(engine, eval_str=True).parameters.values()
    return {
        parameter.name: (
            Any if parameter.annotation is parameter.empty else parameter.annotation,
            ... if parameter.default is parameter.empty else parameter.default,
        )
        for parameter in parameters
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    }
