"""A room in which the microphone hears the speaker, on the virtual clock.

The two devices are as bad as real ones: one speaker that is told in advance what it will play,
two clocks that drift apart, time stamps that come late, a speaker that now and then runs dry.
"""

from dataclasses import dataclass, field

import anyio
import numpy as np
import soxr
from anyio.streams.memory import MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.echo.stage import EchoStage
from agent.audio.playback import Playback
from agent.events import MICROPHONE_RATE, Audio

Float32 = NDArray[np.float32]

RATE = 24000
"""The speaker's sample rate."""

BLOCK = 0.01
"""Seconds that the devices play and record at once."""


@dataclass(frozen=True)
class Room:
    """How the speaker's sound gets to the microphone.

    `delay` seconds later, `level` dB louder, with a reverberation that dies away by 60 dB in `t60`
    seconds; `drift`: what the microphone's clock is faster, in parts per million; `ahead`: seconds
    from when the speaker renders a sample until it leaves; `jitter`: seconds, at most, that time
    stamps come late; `dry`: (when, how long) the speaker plays nothing, and the rest later; `clip`:
    the level at which the speaker distorts; `noise`: the microphone's own, in dB of full scale.
    """

    delay: float = 0.06
    level: float = -6.0
    t60: float = 0.25
    drift: float = 0.0
    ahead: float = 0.06
    jitter: float = 0.0
    dry: tuple[tuple[float, float], ...] = ()
    clip: float = 1.0
    noise: float = -65.0
    seed: int = 0

    def response(self) -> NDArray[np.float64]:
        """The impulse response at the microphone's rate: direct sound, and its reverberation."""
        length = int(self.t60 * MICROPHONE_RATE)
        tail = np.random.default_rng(self.seed).standard_normal(length)
        tail *= 10 ** (-3 * np.arange(length) / length)
        tail[0] = 3.0
        tail *= 10 ** (self.level / 20) / np.sqrt(np.sum(tail**2))
        return np.concatenate((np.zeros(int(self.delay * MICROPHONE_RATE)), tail))


class Air:
    """From what leaves the speaker to what arrives at the microphone, block by block."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._response = room.response()
        self._size = 1 << (len(self._response) + 2000).bit_length()
        self._spectrum = np.fft.rfft(self._response, self._size)
        self._tail = np.zeros(len(self._response) - 1)
        rate = MICROPHONE_RATE * (1 + room.drift * 1e-6)
        self._resampler = soxr.ResampleStream(RATE, rate, 1, dtype="float32")

    def carry(self, pcm: Float32) -> Float32:
        """The echo at the microphone's rate, as much of it as the resampler gives."""
        clipped = np.clip(pcm, -self._room.clip, self._room.clip)
        sound = self._resampler.resample_chunk(clipped)
        count = len(sound)
        echo = np.fft.irfft(np.fft.rfft(sound, self._size) * self._spectrum, self._size)
        echo = echo[: count + len(self._tail)]
        echo[: len(self._tail)] += self._tail
        self._tail = echo[count:]
        return echo[:count].astype(np.float32)


@dataclass
class Heard:
    """What a conversation in a room was like, every sample at its time: number n at n / 16 kHz."""

    size: int
    echo: Float32 = field(init=False)
    microphone: Float32 = field(init=False)
    cleaned: Float32 = field(init=False)
    late: list[float] = field(default_factory=list)  # seconds from a block's end until it was there

    def __post_init__(self) -> None:
        self.echo, self.microphone, self.cleaned = np.zeros((3, self.size), np.float32)

    def erle(self, start: float, end: float) -> float:
        """By how many dB there is less of it after the cleaning."""
        part = slice(int(start * MICROPHONE_RATE), int(end * MICROPHONE_RATE))
        before, after = (np.mean(pcm[part] ** 2.0) for pcm in (self.microphone, self.cleaned))
        return float(10 * np.log10((before + 1e-12) / (after + 1e-12)))


class Devices:
    """A speaker and a microphone in a room, with a user in it."""

    def __init__(self, room: Room, playback: Playback) -> None:
        self.playback = playback
        self._room = room
        self._air = Air(room)
        self._random = np.random.default_rng(room.seed)

    async def run(self, seconds: float, user: Float32, echo: EchoStage) -> Heard:
        """Play and record; `user` is what the microphone hears besides the speaker, at 16 kHz."""
        begin = anyio.current_time()
        size = round(seconds * MICROPHONE_RATE)
        heard = Heard(size)
        outlet, inlet = anyio.create_memory_object_stream[Audio](16)
        sink, cleaned = anyio.create_memory_object_stream[Audio](16)

        async def listen() -> None:
            async with cleaned:
                async for block in cleaned:
                    assert block.time is not None
                    heard.late.append(anyio.current_time() - block.time - block.duration)
                    at = round((block.time - begin) * MICROPHONE_RATE)
                    pcm = block.pcm[max(0, -at) : size - at]
                    heard.cleaned[max(0, at) : max(0, at) + len(pcm)] = pcm

        async def clean() -> None:
            with inlet, sink:
                await echo(inlet, sink)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            tasks.start_soon(clean)
            with outlet:
                await self._run(begin, seconds, user, heard, outlet)
        return heard

    async def _run(
        self,
        begin: float,
        seconds: float,
        user: Float32,
        heard: Heard,
        outlet: MemoryObjectSendStream[Audio],
    ) -> None:
        room, block = self._room, np.empty(round(BLOCK * RATE), np.float32)
        dry = dict(room.dry)
        queue = np.zeros(round(room.ahead * RATE), np.float32)  # rendered, not yet played
        echo = np.zeros(0, np.float32)
        ahead, recorded, rate = room.ahead, 0, MICROPHONE_RATE * (1 + room.drift * 1e-6)
        noise = 10 ** (room.noise / 20)
        for number in range(round(seconds / BLOCK)):
            now = begin + number * BLOCK
            await anyio.sleep_until(now)
            for when in [when for when in dry if begin + when <= now]:
                gap = dry.pop(when)
                ahead += gap
                queue = np.concatenate((np.zeros(round(gap * RATE), np.float32), queue))
            self.playback.render(block, now + ahead + self._late())
            queue = np.concatenate((queue, block))
            echo = np.concatenate((echo, self._air.carry(queue[: len(block)])))
            queue = queue[len(block) :]
            count = min(len(echo), round(0.01 * rate), len(heard.echo) - recorded)
            pcm, echo = echo[:count], echo[count:]
            part = slice(recorded, recorded + count)
            heard.echo[part] = pcm
            mine = np.zeros(count, np.float32)
            spoken = user[part]
            mine[: len(spoken)] = spoken
            mine += noise * self._random.standard_normal(count).astype(np.float32)
            heard.microphone[part] = np.clip(pcm + mine, -1, 1)
            time = begin + recorded / rate + self._late()
            if count:
                await outlet.send(Audio(heard.microphone[part].copy(), MICROPHONE_RATE, time))
            recorded += count

    def _late(self) -> float:
        return float(self._random.uniform(0, self._room.jitter))
