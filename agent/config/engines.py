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
from agent.engines import GuardedLanguageModel
from agent.errors import ConfigError, did_you_mean
from tts.extras import NAME


class EngineSection(Section):
    """The section of one engine; the fields of a subclass are its constructor's arguments."""

    model_config = ConfigDict(protected_namespaces=())

    engine_name: ClassVar[str]
    engine_class: ClassVar[Callable[..., Any]]
    """The engine's class, or a function that makes the one that fits."""
    selector: ClassVar[str]

    def arguments(self) -> dict[str, Any]:
        """Return what the engine's constructor is called with."""
        return {key: getattr(self, key) for key in type(self).model_fields if key != self.selector}


def _language_model(value: object) -> EngineSection:
    return LLM.validate(value)


class LlmSection(EngineSection):
    """The section of a language model, which others may stand in for."""

    fallback: list[
        Annotated[
            SerializeAsAny[EngineSection],
            BeforeValidator(_language_model),
            WithJsonSchema({"type": "object"}),
        ]
    ] = Field(
        default=[], description="Further language models, asked in this order while this one fails."
    )

    def arguments(self) -> dict[str, Any]:
        """Return what the adapter's constructor is called with."""
        return {key: value for key, value in super().arguments().items() if key != "fallback"}

    @model_serializer(mode="wrap")
    def _fallback_last(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What it is comes before what stands in for it."""
        values: dict[str, Any] = serialize(self)
        fallback = values.pop("fallback")
        return {**values, "fallback": fallback}

    @property
    def title(self) -> str:
        """How people call it."""
        return f"{self.engine_name} {getattr(self, 'model', None) or ''}".strip()


@dataclass(frozen=True)
class Family:
    """All the engines that can stand in one section of the configuration."""

    section: str
    selector: str
    """The key that names the engine."""
    default: str
    group: str
    """The entry point group of third-party engines."""
    base: type[EngineSection] = EngineSection

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


STT = Family("stt", "engine", "pocketsphinx", "parley.stt")
LLM = Family("llm", "adapter", "eliza", "parley.llm", LlmSection)
TTS = Family("tts", "engine", "espeak", "parley.tts")
FAMILIES: Mapping[str, Family] = {family.section: family for family in (STT, LLM, TTS)}


def create_stt(section: EngineSection) -> stt.SpeechToText:
    """Make the recogniser that `section` describes, not loaded yet."""
    return cast(stt.SpeechToText, section.engine_class(**section.arguments()))


def create_llm(section: EngineSection) -> llm_adapters.LanguageModel:
    """Make the language model that `section` describes, with its fallbacks, not loaded yet."""
    llm = cast(llm_adapters.LanguageModel, section.engine_class(**section.arguments()))
    others = section.fallback if isinstance(section, LlmSection) else []
    if not others:
        return llm
    from llm_adapters.fallback import Fallback

    sections = [cast(LlmSection, each) for each in (section, *others)]
    # Each behind a border of its own: one that hangs or breaks is one to go on from.
    models = [GuardedLanguageModel(m) for m in (llm, *map(create_llm, others))]
    return Fallback([(s.title, model) for s, model in zip(sections, models, strict=True)])


def fitting_voice(section: EngineSection) -> EngineSection:
    """Return the section of the engine that `auto` stands for on this machine, or `section`."""
    if section.engine_name != "auto":
        return section
    from tts.auto import fitting

    return TTS.validate(fitting(**section.arguments()))


def create_tts(section: EngineSection) -> tts.TextToSpeech:
    """Make the synthesiser that `section` describes, not loaded yet."""
    return cast(tts.TextToSpeech, section.engine_class(**section.arguments()))


@cache
def _schema(family: Family, name: str, target: str) -> type[EngineSection]:
    """Make the section's model from the constructor of the class at `target` (`module:Class`)."""
    module, _, attribute = target.partition(":")
    engine = getattr(importlib.import_module(module), attribute)
    # Only the default engine may be left unnamed.
    choice: Any = (Literal[name], name if name == family.default else ...)
    model = create_model(
        engine.__name__,
        __base__=family.base,
        __module__=engine.__module__,
        __doc__=inspect.getdoc(engine),
        **{family.selector: choice, **_fields(engine)},
    )
    model.engine_name, model.selector = name, family.selector
    model.engine_class = staticmethod(engine)  # a function would become a method
    return model


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
