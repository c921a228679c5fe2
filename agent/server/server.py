"""The server: one loaded agent for all conversations, who may come in, and how many there are."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import TaskGroup

from agent.agent import Agent
from agent.config.load import Config
from agent.config.sections import ServerSettings
from agent.config.wake import WakeSettings
from agent.errors import ParleyError
from agent.events import ErrorEvent, Event, Report
from agent.server.errors import ApiError, ServerBusyError
from agent.server.logs import log_event
from agent.server.metrics import Metrics
from agent.server.security import Keys
from agent.server.traces import SessionTrace
from tts import Occupancy, SlottedSpeech, TextToSpeech

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

log = logging.getLogger("parley.server")

REQUESTS = ("speech", "transcription", "studio")
"""Kinds of sessions that are one request and its answer."""


@dataclass(slots=True, eq=False)
class Session:
    """A conversation, or a job as long as one: its `ending` is set when the server drains."""

    id: str
    kind: str
    """Such as realtime, wyoming, speech."""
    ending: anyio.Event
    report: Report
    """To be told of the conversation's events: metrics, traces and the log live by them."""
    agent: Agent
    """The one that it began with: a reload gives the server another."""

    def failed(self, stage: str, error: BaseException) -> None:
        """Report that an engine failed at the job."""
        self.report(ErrorEvent(stage, type(error).__name__, str(error), recovered=True))


@dataclass(slots=True, eq=False)
class Server:
    """The state that all protocols share."""

    agent: Agent
    keys: Keys = field(default_factory=Keys)
    settings: ServerSettings = field(default_factory=ServerSettings)
    loaded: anyio.Event = field(default_factory=anyio.Event)
    """Set when conversations can begin."""
    problem: str = ""
    """Why they never will."""
    metrics: Metrics = field(default_factory=Metrics)
    tracer: "Tracer | None" = None
    """Where spans go, if they are wanted."""
    draining: bool = False
    sessions: dict[str, Session] = field(default_factory=dict)
    tasks: TaskGroup | None = None
    """Where what outlives a request goes on, while the server runs."""
    engines: list[TextToSpeech] = field(default_factory=list)
    """Those that were loaded beside the agent's, and are closed with them."""
    calls: dict[str, Any] = field(default_factory=dict)
    """The calls under way (`agent.server.realtime.webrtc.Call`)."""
    _leaving: list[Agent] = field(default_factory=list)
    _numbers: int = 0
    _empty: anyio.Event | None = None

    def __post_init__(self) -> None:
        self.metrics.slots.set(self.settings.sessions)
        if isinstance(self.agent.tts, SlottedSpeech):
            self.metrics.watch_voice(self._occupancy)

    @property
    def ready(self) -> bool:
        """Whether conversations can begin now."""
        return self.loaded.is_set() and not self.draining

    async def load(self) -> None:
        """Load the agent. Raises the engines' errors."""
        try:
            await self.agent.load()
        except Exception as error:
            self.problem = str(error)
            raise
        self.loaded.set()

    async def aclose(self) -> None:
        """Give back what the engines hold."""
        with anyio.CancelScope(shield=True):
            for agent in (self.agent, *self._leaving):
                await agent.aclose()
            for engine in self.engines:
                await engine.aclose()

    async def become(self, config: Config) -> None:
        """Have whoever comes from now on talk with another agent; the old one ends with its last.

        Raises ConfigError and the engines' errors; then nothing has changed.
        """
        await self.agent.pool.extend(config)
        agent = Agent(config, pool=self.agent.pool)
        try:
            await agent.load()
        except BaseException:
            await agent.aclose()
            raise
        self._leaving.append(self.agent)
        self.agent = agent
        self._let_go()

    def _let_go(self) -> None:
        """Close the agents with whom nobody talks any more."""
        talking = [session.agent for session in self.sessions.values()]
        for agent in [each for each in self._leaving if each not in talking]:
            if self.tasks is not None and not self.draining:  # or they are closed with the server
                self._leaving.remove(agent)
                self.tasks.start_soon(agent.aclose)

    def _occupancy(self) -> Occupancy:
        tts = self.agent.tts
        return tts.occupancy() if isinstance(tts, SlottedSpeech) else Occupancy(0, 0, 0)

    @contextmanager
    def session(self, kind: str, *, speaks: bool = False) -> Iterator[Session]:
        """Count one more session until the block ends; `speaks`: in the agent's voice.

        Raises ApiError: nothing is loaded yet, the server is about to stop, or it is full, as it is
        for one that speaks when others have all of the voice's slots.
        """
        try:
            self._need_room(429 if kind in REQUESTS else 503, speaks=speaks)
        except ApiError as error:
            self.metrics.refused.labels(error.code).inc()
            raise
        self._numbers += 1
        name = f"{kind}-{self._numbers}"
        session = Session(name, kind, anyio.Event(), self.reporter(name), self.agent)
        self.sessions[session.id] = session
        self.metrics.begun.labels(kind).inc()
        under_way = self.metrics.sessions.labels(kind)
        under_way.inc()
        log.info("session begins", extra={"session": session.id})
        try:
            yield session
        finally:
            del self.sessions[session.id]
            under_way.dec()
            log.info("session ends", extra={"session": session.id})
            self._let_go()
            if self._empty is not None and not self.sessions:
                self._empty.set()

    def reporter(self, session: str) -> Report:
        """Return what a conversation tells its events to, to be counted, traced and logged."""
        trace = None
        if self.tracer is not None:
            trace = SessionTrace(self.tracer, session, self.agent.config)

        def report(event: Event) -> None:
            self.metrics.report(event)
            if trace is not None:
                trace.report(event)
            log_event(session, event, words=self.settings.log_words)

        return report

    def _need_room(self, status: int, *, speaks: bool) -> None:
        if not self.loaded.is_set():
            reason = self.problem or "the models are being loaded"
            headers = {"Retry-After": "2"}
            raise ApiError(reason, status=503, code="not_ready", headers=headers)
        if self.draining:
            raise ServerBusyError("the server is about to stop")
        if len(self.sessions) >= self.settings.sessions:
            limit = self.settings.sessions
            message = f"there are {limit} conversations already (server.sessions)"
            raise ServerBusyError(message, status=status)
        if speaks and isinstance(self.agent.tts, SlottedSpeech):
            voice = self.agent.tts.occupancy()
            # One that waits has found none free: it may speak fewer at a time than it has slots.
            if voice.waiting or 0 < voice.slots <= voice.speaking:
                message = (
                    f"the voice speaks in {voice.speaking} conversations, and has no slot free"
                )
                raise ServerBusyError(message, status=status)

    async def drain(self, seconds: float) -> None:
        """Take nobody new, tell who is there, and let them end within `seconds`."""
        self.draining = True
        self._empty = anyio.Event()
        if not self.sessions:
            return
        for session in self.sessions.values():
            session.ending.set()
        with anyio.move_on_after(seconds):
            await self._empty.wait()


def servable(config: Config) -> Config:
    """Return a configuration without wake words: a server's clients wake it by themselves."""
    return config.model_copy(update={"wake": WakeSettings()})


class ServeError(ParleyError):
    """The server cannot be started; the message says what to do."""
