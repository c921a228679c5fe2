"""The room: the user's sounds and the agent's voice on one timeline, with an echo between them."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.events import Audio
from bench.full_duplex.scenes import Act, EchoPath, Scene
from bench.full_duplex.voices import RATE, Float32
from stt import Word

BLOCK = RATE // 100
FLOOR = -65.0
"""The level of the silence, in dBFS."""

T60 = 0.25
AFTER = 3.2
"""Seconds that a scene goes on after everybody has fallen silent."""

LIMIT = 90.0
"""Seconds after which it is over anyway."""

_LOUD = 1e-3  # an agent's sample above this is sound
_FFT = 16384


@dataclass(frozen=True, slots=True)
class Placed:
    """An act, and when it happened: seconds from the beginning of the scene."""

    act: Act
    time: float

    @property
    def begin(self) -> float:
        """When its first loud sample was."""
        return self.time + self.act.sound.begin

    @property
    def end(self) -> float:
        """When its last loud sample was."""
        return self.time + self.act.sound.end


class Room:
    """All that sounds in a scene. Sample k of both sides is k / 16000 s after `began`."""

    def __init__(self, scene: Scene, echo: EchoPath | None, *, seed: int = 0) -> None:
        self.scene = scene
        self.phase = zlib.crc32(f"{scene.kind} {scene.name} {seed}".encode()) % BLOCK
        self.began = anyio.current_time()
        self.placed: list[Placed] = []
        self.user = np.zeros(round((LIMIT + 10) * RATE), np.float32)
        self.agent = np.zeros_like(self.user)
        self._answered: float | None = None  # when the agent was first heard
        self._todo = list(scene.acts)
        self._noise = np.random.default_rng(seed)
        self._echo = _Echo(echo) if echo else None
        self._last_sound = 0.0

    @property
    def words(self) -> Sequence[Word]:
        """All words of the user's so far, in seconds of the clock."""
        return [
            Word(w.text, self.began + p.time + w.start, self.began + p.time + w.end)
            for p in self.placed
            for w in p.act.sound.words
        ]

    def pause(self) -> tuple[int, bool]:
        """How many words have been said by now, and whether the user is through with them."""
        now = anyio.current_time()
        words = self.words
        open_sounds = [p for p in self.placed if p.begin <= now - self.began < p.end - 0.02]
        return sum(word.start < now for word in words), not open_sounds

    def hear(self, pcm: Float32, when: float) -> None:
        """The agent's voice: samples [n] from `when` of the clock on."""
        start = round((when - self.began) * RATE)
        if start < 0 or start + len(pcm) > len(self.agent):
            return
        self.agent[start : start + len(pcm)] = pcm
        loud = np.flatnonzero(np.abs(pcm) > _LOUD)
        if len(loud):
            if self._answered is None:
                self._answered = (start + loud[0]) / RATE
            self._last_sound = (start + loud[-1]) / RATE

    def listen(self, start: int) -> Float32:
        """What the microphone takes up from sample `start` on: a block."""
        self._place(start)
        pcm = self.user[start : start + BLOCK].copy()
        pcm += self._noise.standard_normal(BLOCK).astype(np.float32) * 10 ** (FLOOR / 20)
        if self._echo:
            pcm += self._echo(self.agent, start)
        return np.clip(pcm, -1, 1)

    def over(self, start: int) -> bool:
        """Whether nothing more will happen from sample `start` on."""
        time = start / RATE
        if time > LIMIT:
            return True
        # An act that waits for a reply which never comes is given up.
        quiet = time - max([self._last_sound, *(p.end for p in self.placed)], default=0)
        return quiet > AFTER and bool(self.placed)

    def _place(self, start: int) -> None:
        while self._todo:
            act = self._todo[0]
            if act.in_reply and self._answered is None:
                return
            time = act.at + ((self._answered or 0.0) if act.in_reply else 0.0)
            if time * RATE > start + BLOCK:
                return
            at = max(start, round(time * RATE))
            self.user[at : at + len(act.sound.pcm)] += act.sound.pcm
            self.placed.append(Placed(act, at / RATE))
            del self._todo[0]


class RoomMicrophone:
    """A stage: the room, in blocks of 10 ms, until the scene is over.

    The blocks of the speaker are of the same length, but no two sound cards begin together: where
    in one of the speaker's a block of the microphone begins is drawn for every scene.
    """

    def __init__(self, room: Room) -> None:
        self._room = room

    async def __call__(
        self, _receive: MemoryObjectReceiveStream[object], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        """Run through the scene."""
        began = self._room.began
        start = self._room.phase
        while not self._room.over(start):
            await anyio.sleep_until(began + (start + BLOCK) / RATE)
            pcm = self._room.listen(start)
            await send.send(Audio(pcm, RATE, began + start / RATE))
            start += BLOCK


class _Echo:
    """The way from the speaker to the microphone: a delay and a tail that dies away."""

    def __init__(self, path: EchoPath) -> None:
        time = np.arange(round(1.2 * T60 * RATE)) / RATE
        tail = np.random.default_rng(1).standard_normal(len(time)) * 10 ** (-3 * time / T60)
        response = 0.35 * tail / np.sqrt(np.sum(tail**2))
        response[0] = 1.0  # the direct sound
        response *= 10 ** (path.decibels / 20) / np.sqrt(np.sum(response**2))
        delayed = np.concatenate([np.zeros(round(path.delay * RATE)), response])
        assert len(delayed) + BLOCK <= _FFT
        self._spectrum = np.fft.rfft(delayed, _FFT)

    def __call__(self, agent: Float32, start: int) -> Float32:
        """The echo in the block from `start` on."""
        heard = agent[max(0, start + BLOCK - _FFT) : start + BLOCK]
        if not heard.any():
            return np.zeros(BLOCK, np.float32)
        spectrum = np.fft.rfft(np.pad(heard, (_FFT - len(heard), 0)))
        echo: NDArray[np.float64] = np.fft.irfft(spectrum * self._spectrum, _FFT)
        return echo[-BLOCK:].astype(np.float32)
