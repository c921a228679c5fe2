"""A microphone that gives nothing but zeros is told of, once, with the cure."""

from typing import Any

import numpy as np
import pytest

from agent.audio.inlet import DEAD_AT_FIRST, DEAD_LATER, Inlet
from agent.events import Audio, Event
from agent.graph import Graph, each

pytestmark = pytest.mark.anyio


async def listen(*stretches: tuple[float, float]) -> list[Any]:
    """Codes and times (in seconds of sound) of what is told; stretches: seconds and level."""
    told: list[tuple[str, float]] = []
    at = 0.0

    def report(event: Event) -> None:
        told.append((event.record()["code"], round(at, 2)))

    async def microphone(_: Any, send: Any, /) -> None:
        nonlocal at
        for seconds, level in stretches:
            for _block in range(round(seconds / 0.02)):
                at += 0.02
                await send.send(Audio(np.full(320, level, np.float32), 16000))

    inlet = Inlet(report)
    async with (
        Graph(microphone)
        .then(each(lambda block: [inlet.guard(block)]), buffer=0)
        .open(buffer=0) as (_, passed)
    ):
        assert [block async for block in passed]
    return told


@pytest.mark.parametrize("seconds", [DEAD_AT_FIRST + 0.1, 30.0])
async def test_one_that_never_gave_a_sound(seconds: float) -> None:
    assert await listen((seconds, 0.0)) == [
        ("microphone.silent", pytest.approx(DEAD_AT_FIRST, abs=0.05))
    ]


async def test_one_that_is_switched_on_is_told_too() -> None:
    told = await listen((6.0, 0.0), (0.1, 1e-4))
    assert [code for code, _ in told] == ["microphone.silent", "microphone.sounds"]


async def test_one_that_is_muted_meanwhile() -> None:
    told = await listen((1.0, 1e-4), (DEAD_LATER + 1, 0.0))
    assert told == [("microphone.silent", pytest.approx(DEAD_LATER + 1.0, abs=0.05))]


async def test_noise_suppression_is_not_death() -> None:
    assert await listen((1.0, 0.1), (9.0, 0.0), (1.0, 0.1), (20.0, 0.0)) == []


async def test_a_quiet_room_is_not_death() -> None:
    assert await listen((60.0, 1 / 32768)) == []


async def test_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for platform, cure in {"darwin": "Privacy", "win32": "Privacy", "linux": "volume"}.items():
        monkeypatch.setattr("sys.platform", platform)
        told: list[Event] = []
        inlet = Inlet(told.append)
        inlet._listen(10.0, silent=True)
        (event,) = told
        assert "muted" in event.record()["message"]
        assert cure in event.record()["message"]
