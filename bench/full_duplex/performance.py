"""One scene, played: on a virtual clock, in a simulated room."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.audio.speaker import Speaker
from agent.config.load import Config
from agent.events import Audio, Event
from agent.graph import Stage
from agent.turns.vad import Vad
from bench.full_duplex.engines import ClipTts, InlineVad, Oracle, ScriptedLlm, ScriptedStt
from bench.full_duplex.listening import Stretch, stretches
from bench.full_duplex.room import Placed, Room, RoomMicrophone
from bench.full_duplex.scenes import EchoPath, Scene
from bench.full_duplex.voices import RATE, Float32
from llm_adapters import Message


@dataclass(frozen=True, slots=True)
class Setting:
    """What the scenes are played with: what judges the end of a turn, and the echo.

    `partials`: the recogniser gives words while they are spoken. `config`: values of the agent's
    configuration by their dotted names, for tuning.
    """

    judge: Literal["smart_turn", "words"]
    echo: EchoPath | None = None
    seed: int = 0
    devices: bool = False
    partials: bool = True
    config: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """For tables."""
        name = f"{self.judge}, devices" if self.devices else self.judge
        if not self.partials:
            name += ", no partials"
        if self.echo is None:
            return name
        return f"{name}, echo {1000 * self.echo.delay:.0f} ms {self.echo.decibels:.0f} dB"


@dataclass(frozen=True, slots=True)
class Performance:
    """What happened; all times in seconds from the beginning."""

    scene: Scene
    setting: Setting
    placed: tuple[Placed, ...]
    user: Float32
    agent: Float32
    heard: tuple[Stretch, ...]
    events: tuple[tuple[float, Event], ...]
    history: tuple[Message, ...]


class Show:
    """An agent in a room, before and while a scene is played. Made on the loop."""

    def __init__(self, room: Room, setting: Setting, vad: Vad, *, latency: float = 0.0) -> None:
        """`latency`: seconds from a sound to the recogniser."""
        self.room = room
        self._setting = setting
        self._tts = ClipTts()
        self._events: list[tuple[float, Event]] = []
        self._history: tuple[Message, ...] = ()
        self._length = 0
        judge = Oracle(room.pause, f"{room.scene.kind} {room.scene.name} {setting.seed}")
        self.agent = Agent(
            _config(setting),
            stt=ScriptedStt(lambda: room.words, latency, partials=setting.partials),
            llm=ScriptedLlm(room.scene.answers),
            tts=self._tts,
            vad=vad,
            turn_model=judge if setting.judge == "smart_turn" else None,
        )

    def report(self, event: Event) -> None:
        """Keep an event and its time."""
        self._events.append((anyio.current_time() - self.room.began, event))

    async def run(self, microphone: Stage[Any, Audio], speaker: Speaker) -> None:
        """Play the scene."""
        session = await self.agent.converse(microphone, speaker, self.report)
        self._history = session.history.messages
        self._length = round((anyio.current_time() - self.room.began) * RATE)

    def performance(
        self, placed: Sequence[Placed], user: Float32, *, exact: bool = True
    ) -> Performance:
        """What has been played; `exact`: see `stretches`."""
        agent = self.room.agent[: self._length]
        return Performance(
            self.room.scene,
            self._setting,
            tuple(placed),
            user[: self._length],
            agent,
            tuple(stretches(agent, self._tts.spoken, exact=exact)),
            tuple(self._events),
            self._history,
        )


def _config(setting: Setting) -> Config:
    values: dict[str, Any] = {
        "turn": {"detector": setting.judge},
        "echo": "off" if setting.echo is None else "cancel",
    }
    for name, value in setting.config:
        *sections, key = name.split(".")
        section = values
        for part in sections:
            section = section.setdefault(part, {})
        section[key] = value
    return Config.model_validate(values)


def perform(scene: Scene, setting: Setting) -> Performance:
    """Play a scene; the clock is virtual, so it takes as long as the computing does."""
    from trio.testing import MockClock

    options = {"clock": MockClock(autojump_threshold=0)}
    return anyio.run(_perform, scene, setting, _vad(), backend="trio", backend_options=options)


async def _perform(scene: Scene, setting: Setting, vad: InlineVad) -> Performance:
    show = Show(Room(scene, setting.echo, seed=setting.seed), setting, vad)

    async def hear(pcm: NDArray[np.float32], when: float) -> None:
        show.room.hear(pcm, when)

    await show.run(RoomMicrophone(show.room), PacedSpeaker(RATE, hear))
    return show.performance(show.room.placed, show.room.user)


@cache
def _vad() -> InlineVad:
    """One for all scenes: reading the model takes longer than a scene."""
    vad = InlineVad()
    anyio.run(vad.load)
    return vad
