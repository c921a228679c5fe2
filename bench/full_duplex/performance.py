"""One scene, played: on a virtual clock, in a simulated room."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.config import Config
from agent.events import Event
from bench.full_duplex.engines import ClipTts, InlineVad, Oracle, ScriptedLlm, ScriptedStt
from bench.full_duplex.listening import Stretch, stretches
from bench.full_duplex.room import Placed, Room, RoomMicrophone
from bench.full_duplex.scenes import EchoPath, Scene
from bench.full_duplex.voices import RATE, Float32
from llm_adapters import Message


@dataclass(frozen=True, slots=True)
class Setting:
    """What the scenes are played with: what judges the end of a turn, and the echo."""

    judge: Literal["smart_turn", "words"]
    echo: EchoPath | None = None
    seed: int = 0

    @property
    def name(self) -> str:
        """For tables."""
        if self.echo is None:
            return self.judge
        return f"{self.judge}, echo {1000 * self.echo.delay:.0f} ms {self.echo.decibels:.0f} dB"


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


def perform(scene: Scene, setting: Setting) -> Performance:
    """Play a scene; the clock is virtual, so it takes as long as the computing does."""
    from trio.testing import MockClock

    options = {"clock": MockClock(autojump_threshold=0)}
    return anyio.run(_perform, scene, setting, _vad(), backend="trio", backend_options=options)


async def _perform(scene: Scene, setting: Setting, vad: InlineVad) -> Performance:
    room = Room(scene, setting.echo, seed=setting.seed)
    llm, tts = ScriptedLlm(scene.answers), ClipTts()
    events: list[tuple[float, Event]] = []

    async def hear(pcm: NDArray[np.float32], when: float) -> None:
        room.hear(pcm, when)

    def report(event: Event) -> None:
        events.append((anyio.current_time() - room.began, event))

    agent = make_agent(setting, room, llm=llm, tts=tts, vad=vad)
    speaker = PacedSpeaker(RATE, hear)
    session = await agent.converse(RoomMicrophone(room), speaker, report)
    length = round((anyio.current_time() - room.began) * RATE)
    return Performance(
        scene,
        setting,
        tuple(room.placed),
        room.user[:length],
        room.agent[:length],
        tuple(stretches(room.agent[:length], tts.spoken)),
        tuple(events),
        session.history.messages,
    )


def make_agent(setting: Setting, room: Room, **engines: Any) -> Agent:
    """The agent that is measured."""
    judge = Oracle(room.pause, f"{room.scene.kind} {room.scene.name} {setting.seed}")
    return Agent(
        Config.model_validate(
            {
                "turn": {"detector": setting.judge},
                "echo": "off" if setting.echo is None else "cancel",
            }
        ),
        turn_model=judge if setting.judge == "smart_turn" else None,
        stt=ScriptedStt(lambda: room.words),
        **engines,
    )


@cache
def _vad() -> InlineVad:
    """One for all scenes: reading the model takes longer than a scene."""
    vad = InlineVad()
    anyio.run(vad.load)
    return vad
