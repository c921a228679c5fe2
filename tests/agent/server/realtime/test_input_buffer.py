"""The input buffer as a microphone: each piece of sound at its place in time."""

from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.events import Audio
from agent.server.realtime.formats import MAX_AUDIO, Coded, Kind
from agent.server.realtime.input_buffer import PIECE, InputBuffer

pytestmark = pytest.mark.anyio

RATE = 24000


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def block(seconds: float = 0.02) -> Coded:
    return Coded(np.zeros(round(24000 * seconds), np.int16), 24000)


async def heard(speak: Callable[[InputBuffer], Any]) -> list[tuple[Audio, float]]:
    """What is heard of what `speak` appends, and how far ahead of its time each piece ends."""
    buffer, pieces = InputBuffer(), []
    send, receive = anyio.create_memory_object_stream[Audio](1)
    closed, nothing = anyio.create_memory_object_stream[Any](0)
    closed.close()

    async def listen() -> None:
        with receive:
            async for piece in receive:
                assert piece.time is not None
                ahead = piece.time + piece.duration - anyio.current_time()
                pieces.append((piece, ahead))

    async def be_microphone() -> None:
        with send, nothing:
            await buffer(nothing, send)

    with anyio.fail_after(300):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            tasks.start_soon(be_microphone)
            await speak(buffer)
            buffer.close()
    times = [piece.time or 0.0 for piece, _ in pieces]
    assert times == sorted(times)
    return pieces


async def speak_for(buffer: InputBuffer, seconds: float) -> None:
    for _ in range(round(seconds / 0.02)):
        await anyio.sleep(0.02)
        buffer.append(block())


async def test_what_a_network_held_back_was_spoken_meanwhile() -> None:
    async def speak(buffer: InputBuffer) -> None:
        await speak_for(buffer, 1)
        await anyio.sleep(2)
        for _ in range(100):
            buffer.append(block())
        await speak_for(buffer, 1)

    pieces = await heard(speak)
    assert max(ahead for _, ahead in pieces) < 0.001
    (late,) = {round(piece.time or 0, 1) for piece, ahead in pieces if ahead < -1.85}
    assert late == pytest.approx(1.0, abs=0.05)


async def test_sound_ahead_of_its_time_catches_up() -> None:
    """The same in frames that come one after the other: nobody can know that more is to come."""

    async def speak(buffer: InputBuffer) -> None:
        await speak_for(buffer, 1)
        await anyio.sleep(2)
        for _ in range(100):
            buffer.append(block())
            await anyio.sleep(0.0001)
        await speak_for(buffer, 25)

    pieces = await heard(speak)
    assert max(ahead for _, ahead in pieces) == pytest.approx(1.97, abs=0.05)
    assert pieces[-1][1] < 0.01


async def test_what_is_sent_at_once_lasts_as_long_as_it_does() -> None:
    """A file: the pauses in it are as long as they are, whenever it was spoken."""

    async def speak(buffer: InputBuffer) -> None:
        buffer.append(block(60))
        await anyio.lowlevel.checkpoint()
        for _ in range(500):
            buffer.append(block())

    pieces = [piece for piece, _ in await heard(speak)]
    begin, end = pieces[0].time or 0.0, (pieces[-1].time or 0.0) + pieces[-1].duration
    assert end - begin == pytest.approx(70)
    assert begin == 0


async def test_fifteen_mebibytes_of_either_kind_are_made_linear_piece_by_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lengths: list[float] = []
    linear = Coded.linear

    def measured(sound: Coded) -> Any:
        lengths.append(sound.seconds)
        return linear(sound)

    monkeypatch.setattr(Coded, "linear", measured)
    kinds: tuple[Kind, ...] = ("audio/pcm", "audio/pcmu")
    for kind in kinds:
        sound = Coded.read(bytes([0x80]) * MAX_AUDIO, kind)

        async def speak(buffer: InputBuffer, sound: Coded = sound) -> None:
            buffer.append(sound[:100])
            buffer.append(sound)

        pieces = await heard(speak)
        assert sum(len(piece.pcm) for piece, _ in pieces) == len(sound) + 100
        assert max(lengths) <= PIECE
        expected = 32124 / 32768 if kind == "audio/pcmu" else -0x7F80 / 32768
        assert pieces[-1][0].pcm[0] == pytest.approx(expected, abs=1e-6)


def numbered(first: int, count: int) -> NDArray[np.int16]:
    return np.arange(first, first + count, dtype=np.int16)


@pytest.mark.parametrize("room", [0, 1, 3, 1000])
async def test_whatever_room_there_is_all_is_heard_in_order(room: int) -> None:
    buffer, done = InputBuffer(), 0
    outlet, nothing = anyio.create_memory_object_stream[Audio](0)
    send, receive = anyio.create_memory_object_stream[Audio](room)
    heard: list[Audio] = []

    async def run() -> None:
        with send:
            await buffer(nothing, send)

    async def listen() -> None:
        heard.extend([block async for block in receive])

    with anyio.fail_after(10), outlet, nothing, receive:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            for count in (480, 480, 7000, 1):  # nobody listens yet
                buffer.append(Coded(numbered(done, count), RATE))
                done += count
            buffer.commit()
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            for count in (480, 9000, 240):
                buffer.append(Coded(numbered(done, count), RATE))
                done += count
                await anyio.lowlevel.checkpoint()
            buffer.clear()
            buffer.close()
    samples = np.concatenate([block.pcm for block in heard]) * 32768
    assert np.array_equal(samples, numbered(0, done))
    assert max(block.duration for block in heard) <= PIECE
    marks = [(block.mark, sum(len(b.pcm) for b in heard[:at])) for at, block in enumerate(heard)]
    assert [mark for mark in marks if mark[0]] == [("commit", 7961), ("clear", done)]


async def test_where_there_is_room_it_is_heard_before_anybody_else_has_had_a_turn() -> None:
    buffer = InputBuffer()
    outlet, nothing = anyio.create_memory_object_stream[Audio](0)
    send, receive = anyio.create_memory_object_stream[Audio](4)
    with outlet, nothing, send, receive:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(buffer, nothing, send)
            await anyio.wait_all_tasks_blocked()
            buffer.append(Coded(numbered(0, 960), RATE))
            assert len(receive.receive_nowait().pcm) == 960
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("detected", [True, False])
async def test_what_fills_no_window_of_the_voice_detector_waits_for_what_does(
    detected: bool,
) -> None:
    """If a detector says when a turn is over: else it is heard as it comes."""
    buffer = InputBuffer()
    buffer.detected = detected
    outlet, nothing = anyio.create_memory_object_stream[Audio](0)
    send, receive = anyio.create_memory_object_stream[Audio](100)
    lengths = []
    with outlet, nothing, send, receive:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(buffer, nothing, send)
            await anyio.wait_all_tasks_blocked()
            for number in range(8):  # five windows in eight blocks
                buffer.append(Coded(numbered(480 * number, 480), RATE))
                await anyio.sleep(0.02)
            buffer.append(Coded(numbered(3840, 480), RATE))
            buffer.clear()
            tasks.cancel_scope.cancel()
        while receive.statistics().current_buffer_used:
            piece = receive.receive_nowait()
            lengths.append((len(piece.pcm), piece.mark))
    whole = [960, 960, 480, 960, 480] if detected else [480] * 8
    assert lengths == [*((length, None) for length in whole), (480, None), (0, "clear")]
