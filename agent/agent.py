"""The whole agent: its engines, and the graph from the user's audio to the agent's voice."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, Self

import anyio
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.echo.stage import EchoStage
from agent.audio.files import PacedSpeaker
from agent.audio.gate import Gate
from agent.audio.inlet import Inlet
from agent.audio.intake import Intake
from agent.audio.remote import RemoteSpeaker
from agent.audio.speaker import Speaker
from agent.config.load import Config, load_config
from agent.config.wake import WakeSettings
from agent.conversation.activity import Activity
from agent.conversation.controls import Controls
from agent.conversation.conversation import Conversation
from agent.conversation.dialogue import Dialogue
from agent.conversation.events import Woken
from agent.conversation.handoff import groups, offer_handoff
from agent.conversation.reported import reported
from agent.conversation.session import Session
from agent.engines import GuardedLanguageModel, GuardedSpeechToText, GuardedTextToSpeech
from agent.engines.absent import NoRecogniser, NoVad
from agent.engines.telling import borders
from agent.errors import ConfigError
from agent.events import Audio, Event, Hearing, Report, nobody
from agent.graph import Graph, Stage, task_group
from agent.languages import preload
from agent.pool import EnginePool
from agent.tools import Toolbox
from agent.turns.gated_vad import GatedVad
from agent.turns.guarded_turn_model import GuardedTurnModel
from agent.turns.guarded_vad import GuardedVad
from agent.turns.interruption import decision_points
from agent.turns.segmenter import TurnSegmenter
from agent.turns.smart_turn import SmartTurn, TurnModel
from agent.turns.transcriber import Transcriber
from agent.turns.vad import SileroVad, Vad
from agent.wake.create import WakeWords
from agent.wake.words import without_wake_words
from llm_adapters import LanguageModel, Message
from stt import SpeechToText
from tts import ConversationalSpeech, TextToSpeech, TextToSpeechError


class Agent:
    """A voice agent wires segmenter, recogniser, language model and synthesiser into one stage.

    As a stage it takes the user's `Audio` and sends its own `Audio`, in real time, and every
    `Event`: put it into a `Graph`, or use `converse` with a microphone and a speaker.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        stt: SpeechToText | None = None,
        llm: LanguageModel | None = None,
        tts: TextToSpeech | None = None,
        vad: Vad | None = None,
        turn_model: TurnModel | None = None,
        pool: EnginePool | None = None,
        listens: bool = True,
        speaks: bool = True,
    ) -> None:
        """An agent as `config` describes it; an engine given here takes the configured one's place.

        One that neither `listens` nor `speaks` is talked with in writing alone, and has no
        recogniser and no voice to load. The engines of a `pool` are shared with other agents, and
        closed when the last that needs them is. Nothing is loaded yet.

        Raises ConfigError.
        """
        self.config = config or Config()
        self.listens = listens
        """Whether the user is heard, or types."""
        self.speaks = speaks
        """Whether its answers are spoken, or written."""
        if not listens:
            stt, vad = NoRecogniser(), NoVad()
        self.pool = pool or EnginePool()
        """Its engines, which it may share."""
        self.pool.add(self.config, stt=stt, llm=llm, tts=tts, speaks=speaks)
        self.pool.hold(self, self.config)
        self.stt = self.pool.stt(self.config.stt)
        self._vad: Vad = GuardedVad(vad) if vad else GatedVad(GuardedVad(SileroVad()))
        if turn_model is None and listens and self.config.turn.detector == "smart_turn":
            turn_model = SmartTurn(model=self.config.turn.model)
        self._turn_model = None if turn_model is None else GuardedTurnModel(turn_model)
        self._wake_words = WakeWords(self.config.wake if listens else WakeSettings())

    @classmethod
    @asynccontextmanager
    async def open(
        cls, config: str | Path | Config | None = None, **engines: Any
    ) -> AsyncGenerator[Self, None]:
        """A loaded agent from a preset's name, a YAML file or a Config; closed at the end.

        Raises ConfigError and the engines' errors.
        """
        agent = cls(config if isinstance(config, Config) else load_config(config), **engines)
        try:
            await agent.load()
            yield agent
        finally:
            await agent.aclose()

    @property
    def llm(self) -> GuardedLanguageModel:
        """The language model; of several agents, that of the one who begins."""
        return self.pool.llm(self.config.llm)

    @property
    def tts(self) -> GuardedTextToSpeech:
        """The voice; of several agents, that of the one who begins."""
        return self.pool.tts(self.config.tts)

    async def load(self, loaded: Callable[[str, float], None] = lambda _part, _s: None) -> None:
        """Load all engines side by side; `loaded` is told of each part and its seconds."""

        async def load(name: str, load_part: Callable[[], Awaitable[None]]) -> None:
            begun = anyio.current_time()
            await load_part()
            loaded(name, anyio.current_time() - begun)

        parts: dict[str, Callable[[], Awaitable[None]]] = {"vad": self._vad.load}
        await anyio.to_thread.run_sync(preload, self.config.language)
        if self._turn_model is not None:
            parts["turn"] = self._turn_model.load
        if self._wake_words.enabled:
            parts["wake"] = self._wake_words.load
        async with task_group() as tasks:
            tasks.start_soon(self.pool.load, loaded)
            for name, load_part in parts.items():
                tasks.start_soon(load, name, load_part)

    def detector(self) -> Vad:
        """A voice activity detector for one more listener; the model is shared, once loaded."""
        detector = copy(self._vad)
        detector.reset()
        return detector

    async def aclose(self) -> None:
        """Give back what the engines hold."""
        with anyio.CancelScope(shield=True):
            await self.pool.claim(self)
            if self._turn_model is not None:
                await self._turn_model.aclose()

    async def converse(
        self,
        microphone: Stage[Any, Audio],
        speaker: Speaker,
        report: Report,
        *,
        earlier: Sequence[Message] = (),
        hearing: Hearing = nobody,
    ) -> Session:
        """Talk until the microphone ends and the last reply has been heard.

        `earlier` is a conversation that this one goes on with; `hearing` is told of the words of
        a reply as they are heard. Returns the session, for its
        history. Raises StageError when a stage fails, AudioError when `echo: cancel` cannot be,
        ConfigError for a tool that cannot be made.
        """
        options: dict[str, Any] = {"earlier": earlier, "hearing": hearing}
        async with self.start(microphone, speaker, report, **options) as conversation:
            await conversation.wait()
        return conversation.session

    @asynccontextmanager
    async def start(
        self,
        microphone: Stage[Any, Audio] | None = None,
        speaker: Speaker | None = None,
        report: Report = nobody,
        *,
        earlier: Sequence[Message] = (),
        hearing: Hearing = nobody,
        hear: Callable[[Audio], None] = nobody,
        watch: Callable[[Activity], None] = nobody,
        config: Config | None = None,
        remembered: bool = True,
        answers: bool = True,
    ) -> AsyncGenerator[Conversation, None]:
        """A conversation that goes on for the block, one of as many as there are.

        They share the loaded engines; detector, tools, history and settings are each one's own.
        `config` takes the place of the agent's, but for its engines; `watch` is told of everything
        in detail, `hear` of every block of the microphone's, silent where the user is muted.
        Not `remembered`: how it sounds is nothing to the voice, which others share. Not
        `answers`: it only listens. Without a `microphone` nobody speaks, without a `speaker`
        all is silent: in writing it takes neither. The rest is as with `converse`, errors too.
        """
        config = config or self.config
        microphone = microphone or _nobody
        speaker = speaker or RemoteSpeaker(self.tts.sample_rate)
        told: list[Report] = [report]

        def tell(event: Event) -> None:
            for listener in told:
                listener(event)

        async with borders(tell), reported(tell, config), task_group() as tasks:
            await tasks.start(speaker.run)
            echo = EchoStage(config.echo, speaker.playback, tell)
            wake = await self._wake_words.gate(tell)
            session = Session(
                *(self.engines(config) if config.agents else (self.llm, self.tts)),
                speaker.playback,
                config,
                tell,
                echo=echo,
                earlier=earlier,
                hearing=hearing,
                watch=watch,
                remembered=remembered,
                answers=answers,
                speaks=self.speaks,
                sleep=wake.sleep,
            )
            wake.woken = partial(session.tell, Woken())
            gate = Gate()
            intake = wake.after(Intake(Inlet(tell), echo, gate, wake.unless_asleep(hear)))
            segmenter = self._segmenter(config, echo, session, intake, tell)
            stt = self.stt.conversation()
            controls = Controls(speaker.playback, session.history)
            conversation = Conversation(
                session,
                gate,
                segmenter,
                stt,
                controls,
                config=config,
                voice=self.voice,
                engines=self.engines,
                report=tell,
            )
            told.append(conversation.tell)
            transcribe = self._transcriber(stt, config, segmenter, tell, keep_sound=remembered)
            heard = Graph(gate.before(microphone), name="microphone").then(segmenter, buffer=32)
            graph = heard.then(transcribe).then(session)
            language = config.spoken or getattr(config.stt, "language", None)
            async with (
                Toolbox.open(
                    config.tools,
                    controls,
                    tell,
                    language=language,
                    groups=groups(config),
                ) as session.replies.toolbox,
                task_group() as running,
            ):
                offer_handoff(session.replies.toolbox, config, conversation.hand_over)
                await running.start(echo.follow)
                running.start_soon(wake.run)
                running.start_soon(self._run, graph, session, conversation)
                await session.begun.wait()
                if config.dialogue.topic:
                    dialogue = Dialogue(conversation, lambda each: self.engines(each)[1])
                    told.append(dialogue)
                    running.start_soon(dialogue.run)
                yield conversation
                running.cancel_scope.cancel()
            tasks.cancel_scope.cancel()

    @asynccontextmanager
    async def changing(self, config: Config) -> AsyncGenerator[None]:
        """Go by another configuration from the block's end on; its engines are loaded before.

        Those that nobody needs any more are let go. Raises ConfigError and the engines' errors;
        then, and when the block fails, all is as it was.
        """
        await self.pool.extend(config, speaks=self.speaks)
        await self.pool.claim(self, self.config, config)
        try:
            yield
            self.config = config
        finally:
            await self.pool.claim(self, self.config)

    def engines(self, config: Config) -> tuple[LanguageModel, TextToSpeech]:
        """The loaded model and voice of a configuration. Raises ConfigError for others'."""
        return self.pool.llm(config.llm), self.pool.tts(config.tts)

    def voice(self, name: str) -> TextToSpeech:
        """The engine, loaded, in another of its voices. Raises ConfigError if it has no such."""
        try:
            return self.tts.in_voice(name)
        except TextToSpeechError as error:
            raise ConfigError(str(error)) from None

    async def _run(
        self, graph: Graph[Any, Any], session: Session, conversation: Conversation
    ) -> None:
        try:
            await graph.run()
        finally:
            session.begun.set()
            conversation.end()

    async def __call__(
        self,
        receive: MemoryObjectReceiveStream[Audio],
        send: MemoryObjectSendStream[Audio | Event],
        /,
    ) -> None:
        """Converse as a stage: until the user's audio ends and the last reply has been sent."""

        async def hear(
            _: MemoryObjectReceiveStream[Any], user: MemoryObjectSendStream[Audio]
        ) -> None:
            async for block in receive:
                await user.send(block)

        async def play(pcm: NDArray[Any], when: float) -> None:
            await send.send(Audio(pcm.copy(), speaker.playback.sample_rate, when))

        async def tell(events: MemoryObjectReceiveStream[Event]) -> None:
            with events:
                async for event in events:
                    await send.send(event)

        def report(event: Event) -> None:
            with suppress(anyio.BrokenResourceError):  # the listener has gone, and we follow
                outbox.send_nowait(event)

        speaker = PacedSpeaker(self.tts.sample_rate, play)
        # Unbounded: an event is never lost, and reporting one never waits. A listener that does
        # not listen stalls the audio, and with it the conversation that makes events.
        outbox, events = anyio.create_memory_object_stream[Event](math.inf)
        async with task_group() as tasks:
            tasks.start_soon(tell, events)
            with outbox:
                await self.converse(hear, speaker, report)

    def _segmenter(
        self,
        config: Config,
        echo: EchoStage,
        session: Session,
        intake: Callable[[Audio], Sequence[Audio]],
        report: Report,
    ) -> TurnSegmenter:
        return TurnSegmenter(
            copy(self._vad),
            config.vad,
            config.turn,
            progress=decision_points(config.interruption),
            model=self._turn_model,
            words=True,
            intake=intake,
            threshold=echo.threshold,
            report=report,
            numbers=session.numbers,
        )

    def _transcriber(
        self,
        stt: GuardedSpeechToText,
        config: Config,
        segmenter: TurnSegmenter,
        report: Report,
        *,
        keep_sound: bool,
    ) -> Transcriber:
        return Transcriber(
            stt,
            report,
            keep_sound=keep_sound and isinstance(self.tts, ConversationalSpeech),
            preemptive=config.turn.speculate != "off",
            judge=segmenter.read,
            said=partial(without_wake_words, config.wake.words),
            language=config.spoken,
        )


async def _nobody(_: Any, __: Any, /) -> None:
    """A microphone into which nobody speaks."""
    await anyio.sleep_forever()
