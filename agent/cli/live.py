"""A conversation at a terminal: an agent with microphone, speaker, view, log and recording."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from agent.agent import Agent
from agent.audio.earcon import kept_sign
from agent.audio.files import PacedSpeaker
from agent.audio.open import is_file, open_microphone, open_speaker
from agent.audio.recorder import Recorder
from agent.audio.remote import RemoteSpeaker
from agent.audio.speaker import Speaker
from agent.audio.tap import TappedSpeaker
from agent.cli.console import SafeConsole
from agent.cli.event_log import EventLog
from agent.cli.explain import Explain
from agent.cli.garbage import here_to_stay
from agent.cli.keys.handling import handled
from agent.cli.native_stderr import silenced
from agent.cli.view import PlainView, open_view
from agent.config.load import Config
from agent.conversation.reloading import reload
from agent.conversation.session import Session
from agent.conversation.store import open_store
from agent.events import Audio, Report, nobody
from agent.pool import EnginePool
from agent.steering.listener import reachable
from agent.steering.reloading import Load, Reloader
from agent.steering.steering import Steering

MARGIN = 0.5
"""Seconds of silence after a file's end beyond what ends a turn."""

SIGN = 2.0
"""Seconds that the sign of keeping may take; a device that hangs is met by the conversation."""


async def talk(
    config: Config,
    *,
    events: Path | None = None,
    record: Path | None = None,
    copy: Callable[[Audio], None] | None = None,
    silent: bool = False,
    resume: str | None = None,
    explain: bool = False,
    text: bool = False,
    watch: Report = nobody,
    load: Load | None = None,
    view: PlainView | None = None,
    pool: EnginePool | None = None,
) -> Session:
    """Converse as `config` says until the microphone ends; a device never does.

    `events`: the log's file; `record`: the recording's folder; `copy` is told of every block that
    the speaker plays; `silent` plays in time without a device; `explain` writes why turn-taking
    did what it did; `text`: answers are written, not spoken; `resume`: a conversation kept in
    `session.save` that this one goes on with;
    `watch` is told of every event; `load` reads the configuration again, and tells its files.
    `view` and `pool` are one's own among several agents, which share the engines of the pool.
    Raises what people should be told.
    """
    if silent or text or is_file(config.microphone.device) or is_file(config.speaker.device):
        config = config.model_copy(update={"echo": "off"})  # nothing goes through the air
    console = SafeConsole()
    watchers: list[Report] = []
    hearing_user: list[Callable[[Audio], None]] = []
    hearing_agent: list[Callable[[Audio], None]] = [] if copy is None else [copy]
    report = _all(watchers)
    view = view or open_view(config.agent.name, console)
    watchers += [view, watch]
    # Before the engines are loaded: a file that cannot be read is said at once.
    microphone = open_microphone(config.microphone, report, silence=config.turn.unfinished + MARGIN)
    async with AsyncExitStack() as stack:
        if (memory := open_store(config.session, resume, report)) is not None:
            watchers.append(stack.enter_context(memory))
            config = memory.goes_on(config)
        agent = await stack.enter_async_context(_loaded(config, console, pool, speaks=not text))
        if pool is None:  # who has several has silenced them
            stack.enter_context(silenced())
        stack.enter_context(view)
        if explain:
            watchers.append(Explain(console))
        hearing_user.append(view.user)
        hearing_agent.append(view.agent)
        rate = agent.tts.sample_rate
        if events is not None:
            watchers.append(stack.enter_context(EventLog(events, report)))
        if record is not None:
            recorder = stack.enter_context(Recorder(record, rate, report))
            watchers.append(recorder.event)
            hearing_user.append(recorder.user)
            hearing_agent.append(recorder.agent)
        audible = not silent and not is_file(config.speaker.device)  # to somebody
        if audible and (record is not None or memory is not None):
            await _sound(open_speaker(config.speaker, report, rate), kept_sign(rate), rate)
        speaker = _speaker(config, report, rate, text=text, silent=silent)
        here = await stack.enter_async_context(
            reachable(config.agent.name, str(config.microphone.device), report)
        )
        async with (
            agent.start(
                microphone,
                TappedSpeaker(speaker, _all(hearing_agent)),
                report,
                earlier=memory.messages if memory is not None else (),
                hearing=memory.hearing if memory is not None else nobody,
                hear=_all(hearing_user),
            ) as conversation,
            anyio.create_task_group() as tasks,
        ):
            apply = partial(reload, conversation, agent.changing)
            reloader = None if load is None else Reloader(load, apply, report)
            steering = Steering(
                conversation,
                view.status,
                tasks,
                name=config.agent.name if here is None else here.name,
                keeps=config.session.save if memory is not None else None,
                records=None if record is None else str(record),
                reload=None if reloader is None else reloader.reload,
            )
            async with AsyncExitStack() as hands:
                if reloader is not None and config.session.watch:
                    await hands.enter_async_context(reloader.watching())
                if here is not None:
                    await hands.enter_async_context(here.steered(steering))
                with anyio.CancelScope() as staying:
                    if pool is None:  # the keys of a terminal are for one agent
                        await hands.enter_async_context(
                            handled(view, steering, tasks, staying.cancel, report)
                        )
                    await conversation.wait()
            tasks.cancel_scope.cancel()
        return conversation.session


async def _sound(speaker: Speaker, pcm: NDArray[np.float32], rate: int) -> None:
    """Play a sound [n] of `rate` Hz to its end, before anybody listens: it is nobody's echo."""
    async with anyio.create_task_group() as tasks:
        await tasks.start(speaker.run)
        with anyio.move_on_after(SIGN):
            track = speaker.playback.open(rate)
            await track.write(pcm)
            await track.drain()
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def _loaded(
    config: Config, console: Console, pool: EnginePool | None, *, speaks: bool = True
) -> AsyncGenerator[Agent, None]:
    """The agent, loaded: long work shows itself."""
    agent = Agent(config, speaks=speaks, pool=pool)
    done: list[str] = []

    def loaded(part: str, seconds: float) -> None:
        done.append(f"{part} {seconds:.1f} s")

    try:
        # No spinner: it would hold back the progress bars of what is downloaded meanwhile.
        if pool is None:
            console.print("loading …", style="dim")
        await agent.load(loaded)
        if pool is None:
            console.print(f"loaded: {', '.join(done)}", style="dim")
        with here_to_stay() if pool is None else nullcontext():
            yield agent
    finally:
        await agent.aclose()


def _speaker(
    config: Config, report: Report, sample_rate: int, *, text: bool, silent: bool
) -> Speaker:
    if text:
        return RemoteSpeaker(sample_rate)
    if silent:
        return PacedSpeaker(sample_rate, _nowhere)
    return open_speaker(config.speaker, report, sample_rate)


async def _nowhere(_pcm: NDArray[np.float32], _when: float) -> None:
    """Where a speaker that nobody has plays."""


T = TypeVar("T")


def _all(listeners: Sequence[Callable[[T], None]]) -> Callable[[T], None]:
    def tell(item: T) -> None:
        for listener in listeners:
            listener(item)

    return tell
