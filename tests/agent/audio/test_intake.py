"""What is done to the microphone's blocks, and the marks between them."""

from typing import Any

import anyio
import numpy as np
import pytest

from agent.audio.echo.stage import EchoStage
from agent.audio.gate import Gate
from agent.audio.inlet import Inlet
from agent.audio.intake import Intake
from agent.audio.playback import Playback
from agent.config.sections import EchoMode
from agent.events import MICROPHONE_RATE, Audio
from agent.graph import Graph

pytestmark = pytest.mark.anyio


def intake(mode: EchoMode, gate: Gate | None = None) -> Intake:
    return Intake(Inlet(print), EchoStage(mode, Playback(24000), print), gate)


def sound(seconds: float, **of: Any) -> Audio:
    pcm = np.full(round(seconds * MICROPHONE_RATE), 0.1, np.float32)
    return Audio(pcm, MICROPHONE_RATE, **of)


@pytest.mark.parametrize("mode", ["off", "half_duplex", "cancel"])
async def test_a_mark_stays_behind_its_sound(mode: EchoMode) -> None:
    heard = intake(mode)(sound(0.1, time=5.0, mark="commit"))
    assert [block.mark for block in heard][-1:] == ["commit"]
    assert all(block.mark is None for block in heard[:-1])
    assert len(heard[-1].pcm) == 0
    assert heard[-1].time == pytest.approx(5.1)


async def test_who_is_muted_gives_silence_of_the_same_length() -> None:
    gate = Gate()
    take = intake("off", gate)
    block = sound(0.1)
    assert take(block)[0] is block
    gate.muted = True
    assert [(len(each.pcm), bool(each.pcm.any())) for each in take(block)] == [(1600, False)]


async def test_marks_come_between_the_blocks_and_end_with_the_microphone() -> None:
    gate, go_on = Gate(), anyio.Event()

    async def microphone(_: Any, send: Any, /) -> None:
        await send.send(sound(0.1))
        gate.mark("commit")
        await go_on.wait()
        await send.send(sound(0.2))

    with anyio.fail_after(10):
        async with Graph(gate.before(microphone)).open() as (_, heard):
            first, mark = await heard.receive(), await heard.receive()
            go_on.set()
            rest = [block async for block in heard]
    gate.mark("commit")  # nobody hears it any more
    assert [first.duration, mark.mark, rest[0].duration, len(rest)] == [0.1, "commit", 0.2, 1]


async def test_what_was_captured_while_muted_is_silent_whenever_it_comes() -> None:
    """A block on its way when muted, and one that is still on its way when no longer."""
    gate, heard = Gate(), list[Audio]()
    take = Intake(Inlet(print), EchoStage("off", Playback(24000), print), gate, heard.append)
    now = anyio.current_time()
    gate.muted = True
    take(sound(0.1, time=now - 5))
    gate.muted = False
    take(sound(0.1, time=now - 0.2))
    take(sound(0.2, time=anyio.current_time() - 0.1))
    take(sound(0.1, time=anyio.current_time()))
    loud = [np.count_nonzero(block.pcm) / MICROPHONE_RATE for block in heard]
    assert loud[:2] == [0, 0]
    assert loud[2] == pytest.approx(0.1, abs=0.02)
    assert loud[3] == 0.1


async def test_who_is_muted_has_no_dead_microphone_and_teaches_the_canceller_nothing() -> None:
    told: list[Any] = []
    playback = Playback(24000)
    echo = EchoStage("cancel", playback, told.append)
    gate = Gate()
    take = Intake(Inlet(told.append), echo, gate)
    gate.muted = True
    for number in range(400):
        take(sound(0.02, time=number * 0.02))
    assert told == []
