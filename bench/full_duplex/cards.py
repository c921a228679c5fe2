"""One scene, played in real time through virtual sound cards, and recorded from them."""

import os
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.audio.microphone import DeviceMicrophone
from agent.audio.speaker import DeviceSpeaker
from agent.events import Audio
from agent.turns.vad import SileroVad
from bench.full_duplex.performance import Performance, Setting, Show
from bench.full_duplex.room import BLOCK, Placed, Room
from bench.full_duplex.scenes import Scene
from bench.full_duplex.voices import RATE, Float32
from tests.soundcards import Recording, SoundCards

LATENCY = 0.12
"""Seconds from when the user makes a sound until the recogniser has it, about."""

_AHEAD = 3 * BLOCK  # samples that the card has before it plays them


@contextmanager
def sound_cards() -> Iterator[SoundCards]:
    """A microphone and a speaker, the only ones that PortAudio sees in this process."""
    import sounddevice as sd

    with tempfile.TemporaryDirectory(prefix="cards") as folder:
        cards = SoundCards(Path(folder))
        os.environ.update(cards.environment)
        cards.plug()
        try:
            # It looks for devices, and at the environment, when it is initialised.
            sd._terminate()
            sd._initialize()
            yield cards
        finally:
            cards.unplug()


async def perform_on_cards(scene: Scene, setting: Setting, cards: SoundCards) -> Performance:
    """Play a scene; it takes as long as it is.

    What the user said is taken from a recording too: both have the recorder's latency, which is
    the same to about 20 ms.
    """
    vad = SileroVad()
    await vad.load()
    show = Show(Room(scene, setting.echo, seed=setting.seed), setting, vad, latency=LATENCY)
    microphone = DeviceMicrophone(show.agent.config.microphone, show.report)
    speaker = DeviceSpeaker(show.agent.config.speaker, show.report)
    user = np.zeros_like(show.room.user)

    async def run(
        receive: MemoryObjectReceiveStream[object], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        """The microphone's stage, and everything around it."""
        async with (
            cards.microphone.record(RATE) as said,
            cards.speaker.record(RATE) as heard,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(microphone, receive, send)
            tasks.start_soon(_record, said, show.room, user)
            tasks.start_soon(_record, heard, show.room, None)
            await _speak(cards, show.room)
            tasks.cancel_scope.cancel()

    await show.run(run, speaker)
    placed = [_really(p, user) for p in show.room.placed]
    return show.performance(placed, user, exact=False)


async def _speak(cards: SoundCards, room: Room) -> None:
    """The user's side of the room into the microphone's card, until the scene is over."""
    async with _player(cards) as play:
        start = 0
        while not room.over(start):
            await anyio.sleep_until(room.began + (start - _AHEAD) / RATE)
            await play(room.listen(start))
            start += BLOCK


@asynccontextmanager
async def _player(
    cards: SoundCards,
) -> AsyncGenerator[Callable[[Float32], Awaitable[None]], None]:
    """Something that plays one block after another into the microphone's card."""
    server = f"--server={cards.microphone.server}"
    format_ = f"--raw --format=float32le --channels=1 --rate={RATE} --latency-msec=20"
    command = ["pacat", "--playback", server, *format_.split()]
    async with await anyio.open_process(command, stdout=None, stderr=None) as process:
        stdin = process.stdin
        assert stdin is not None

        async def play(pcm: Float32) -> None:
            await stdin.send(pcm.astype("<f4").tobytes())

        yield play
        process.terminate()


async def _record(recording: Recording, room: Room, user: Float32 | None) -> None:
    """What comes from a card, into the user's recording or else the agent's."""
    at = anyio.current_time()
    while True:
        pcm = await recording.read(BLOCK / RATE)
        if user is None:
            room.hear(pcm, at)
        else:
            start = round((at - room.began) * RATE)
            user[start : start + len(pcm)] = pcm
        at += BLOCK / RATE


def _really(placed: Placed, user: Float32) -> Placed:
    """When the act was really heard: at most half a second after it was meant to be."""
    first = round(placed.time * RATE)
    sound = placed.act.sound.pcm[: 2 * RATE].astype(np.float64)
    heard = user[first : first + len(sound) + RATE // 2].astype(np.float64)
    size = 1 << len(heard).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sound, size)), size)
    lag = int(np.argmax(likeness[: RATE // 2]))
    return Placed(placed.act, (first + lag) / RATE)
