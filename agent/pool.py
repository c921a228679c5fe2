"""The engines of one agent or of several: what is described alike is made and loaded once."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio

from agent.config.engines import EngineSection, create_llm, create_stt, create_tts
from agent.config.language import with_every_language
from agent.config.load import Config
from agent.engines import GuardedLanguageModel, GuardedSpeechToText, GuardedTextToSpeech
from agent.engines.absent import NoVoice
from agent.errors import ConfigError
from agent.graph import task_group
from llm_adapters import LanguageModel
from stt import SpeechToText
from tts import TextToSpeech

Engine = GuardedSpeechToText | GuardedLanguageModel | GuardedTextToSpeech
E = TypeVar("E", bound=Engine)


class EnginePool:
    """Pool of engines by their sections; another voice of an engine that has several is shared."""

    def __init__(self) -> None:
        """Empty: `add` what is needed, then `load`."""
        self._stt: list[tuple[EngineSection, GuardedSpeechToText]] = []
        self._llm: list[tuple[EngineSection, GuardedLanguageModel]] = []
        self._tts: list[tuple[EngineSection, GuardedTextToSpeech]] = []
        self._voices: list[tuple[EngineSection, GuardedTextToSpeech]] = []  # of those
        self._wanted: list[EngineSection] = []  # voices that may be such
        self._loaded: list[Engine] = []
        self._claims: dict[object, Sequence[Config]] = {}
        self._any_language = False

    def add(
        self,
        config: Config,
        *,
        stt: SpeechToText | None = None,
        llm: LanguageModel | None = None,
        tts: TextToSpeech | None = None,
        speaks: bool = True,
    ) -> None:
        """Make what `config` and its agents need and is not here; a given engine is `config`'s.

        Not `speaks`: they have no voice.
        """
        self._any_language = config.spoken is None
        if stt is not None:
            self._stt.insert(0, (config.stt, GuardedSpeechToText(stt)))
        if llm is not None:
            self._llm.insert(0, (config.llm, GuardedLanguageModel(llm)))
        if tts is not None:
            self._tts.insert(0, (config.tts, GuardedTextToSpeech(tts)))
        if _found(self._stt, config.stt) is None:
            self._stt.append((config.stt, GuardedSpeechToText(create_stt(config.stt))))
        for member in (config, *map(config.of, config.agents)):
            if _found(self._llm, member.llm) is None:
                self._llm.append((member.llm, GuardedLanguageModel(create_llm(member.llm))))
            if _found(self._tts, member.tts) is None:
                if not speaks:
                    self._tts.append((member.tts, GuardedTextToSpeech(NoVoice())))
                elif self._of_several_voices(member.tts) is None:
                    self._make_voice(member.tts)
                elif member.tts not in self._wanted:
                    self._wanted.append(member.tts)

    def stt(self, section: EngineSection) -> GuardedSpeechToText:
        """The recogniser of a section that was added."""
        return _there(self._stt, section)

    def llm(self, section: EngineSection) -> GuardedLanguageModel:
        """The language model of a section that was added."""
        return _there(self._llm, section)

    def tts(self, section: EngineSection) -> GuardedTextToSpeech:
        """The voice of a section that was added, loaded if it is another one of an engine's."""
        return _there([*self._tts, *self._voices], section)

    async def load(self, loaded: Callable[[str, float], None] = lambda _part, _s: None) -> None:
        """Load side by side what is not loaded yet; `loaded` is told of each and its seconds.

        Raises the engines' errors.
        """
        await self._load(loaded)
        for section in self._wanted:
            try:
                if (base := self._of_several_voices(section)) is not None:
                    self._voices.append((section, base.in_voice(section.arguments()["voice"])))
            except ConfigError:
                self._make_voice(section)  # its voices are files of their own, say
        self._wanted.clear()
        await self._load(loaded)

    async def extend(self, config: Config, *, speaks: bool = True) -> None:
        """Add what `config` needs, and load it. Raises the engines' errors; then it is left out."""
        before = {id(engine) for _, engine in self._engines}
        try:
            self.add(config, speaks=speaks)
            await self.load()
        except BaseException:
            self._wanted.clear()
            await self._drop(lambda _section, engine: id(engine) not in before)
            raise

    def hold(self, owner: object, config: Config) -> None:
        """Keep what `config` needs for `owner`, which has claimed nothing yet."""
        self._claims[owner] = (config,)

    async def claim(self, owner: object, *configs: Config) -> None:
        """Keep what `configs` need for `owner`, who has no need of what it claimed before.

        An engine that nobody claims any more is closed, once nobody uses it.
        """
        before = self._claims.pop(owner, ())
        if configs:
            self._claims[owner] = configs
        kept = [each for claimed in self._claims.values() for each in _sections(claimed)]
        gone = [section for section in _sections(before) if section not in kept]
        self._voices = [(each, voice) for each, voice in self._voices if each not in gone]
        bases = [self._of_several_voices(each) for each, _ in self._voices]
        await self._drop(lambda section, engine: section in gone and engine not in bases)

    async def aclose(self) -> None:
        """Give back what the engines hold."""
        with anyio.CancelScope(shield=True):
            for _, engine in self._engines:
                await engine.aclose()

    async def _drop(self, dropped: Callable[[EngineSection, Engine], bool]) -> None:
        """Let some of the engines go."""
        gone = [engine for section, engine in self._engines if dropped(section, engine)]
        self._stt = [each for each in self._stt if each[1] not in gone]
        self._llm = [each for each in self._llm if each[1] not in gone]
        self._tts = [each for each in self._tts if each[1] not in gone]
        self._loaded = [each for each in self._loaded if each not in gone]
        with anyio.CancelScope(shield=True):
            for engine in gone:
                await engine.retire()

    async def _load(self, loaded: Callable[[str, float], None]) -> None:
        async def load(name: str, engine: Engine) -> None:
            begun = anyio.current_time()
            await engine.load()
            self._loaded.append(engine)
            loaded(name, anyio.current_time() - begun)

        async with task_group() as tasks:
            for kind, engines in self._kinds.items():
                for section, engine in engines:
                    first = engine is engines[0][1]
                    name = kind if first else f"{kind} {section.title}"
                    if engine not in self._loaded:
                        tasks.start_soon(load, name, engine)

    @property
    def _engines(self) -> list[tuple[EngineSection, Engine]]:
        return [each for engines in self._kinds.values() for each in engines]

    @property
    def _kinds(self) -> dict[str, Sequence[tuple[EngineSection, Engine]]]:
        return {"stt": self._stt, "llm": self._llm, "tts": self._tts}

    def _make_voice(self, section: EngineSection) -> None:
        voice = with_every_language(section) if self._any_language else section
        self._tts.append((section, GuardedTextToSpeech(create_tts(voice))))

    def _of_several_voices(self, section: EngineSection) -> GuardedTextToSpeech | None:
        """The engine that may have the voice of `section` besides its own, if one is here."""
        if not isinstance(getattr(section, "voice", None), str):
            return None
        if not hasattr(section.engine_class, "in_voice"):
            return None
        plain = {"voice": None}
        alike = (
            engine
            for one, engine in self._tts
            if section.model_copy(update=plain) == one.model_copy(update=plain)
        )
        return next(alike, None)


def _sections(configs: Sequence[Config]) -> list[EngineSection]:
    """The engines of configurations, and of all their agents."""
    whole = [each for config in configs for each in (config, *map(config.of, config.agents))]
    return [section for each in whole for section in (each.stt, each.llm, each.tts)]


def _found(engines: Sequence[tuple[EngineSection, E]], section: EngineSection) -> E | None:
    return next((engine for one, engine in engines if one == section), None)


def _there(engines: Sequence[tuple[EngineSection, E]], section: EngineSection) -> E:
    if (engine := _found(engines, section)) is None:
        raise ConfigError(f"{section.title} has not been loaded")
    return engine
