"""The energy gate: the model rests in a quiet room, and no first word is lost for it."""

from copy import copy

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio import energy_gate
from agent.audio.energy_gate import EnergyGate
from agent.turns.gated_vad import AGAIN, GatedVad
from agent.turns.vad import SAMPLE_RATE, WINDOW, SileroVad
from tests.agent.turns.test_vad import read

pytestmark = pytest.mark.anyio


HELD = round(energy_gate.HELD * SAMPLE_RATE / WINDOW)
"""Windows for which the gate stays open."""


class SpyVad:
    """Hears a voice in every window that it is given."""

    def __init__(self) -> None:
        self.heard: list[NDArray[np.float32]] = []

    async def load(self) -> None:
        """Nothing to load."""

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        self.heard.append(pcm)
        return [1.0] * (len(pcm) // WINDOW)

    def reset(self) -> None:
        self.heard = []


def noise(level: float, seconds: float) -> NDArray[np.float32]:
    """White noise of `level` dBFS."""
    samples = round(seconds * SAMPLE_RATE)
    random = np.random.default_rng(1)
    return random.normal(0, 10 ** (level / 20), samples).astype(np.float32)


@pytest.mark.parametrize("level", [-120.0, -70.0, -55.0])
async def test_the_model_rests_while_the_background_is_quiet_and_steady(level: float) -> None:
    spy = SpyVad()
    vad = GatedVad(spy)
    probabilities = []
    for block in noise(level, 20).reshape(-1, 320):
        probabilities += await vad.feed(block)
    assert len(probabilities) == 20 * SAMPLE_RATE // WINDOW
    assert sum(map(len, spy.heard)) <= (HELD + AGAIN) * WINDOW
    assert probabilities[-300:] == [0.0] * 300


async def test_what_is_louder_passes_at_once_with_what_came_before() -> None:
    spy = SpyVad()
    vad = GatedVad(spy)
    quiet = noise(-62, 5)
    for start in range(0, len(quiet), 320):
        await vad.feed(quiet[start : start + 320])
    spy.heard.clear()
    louder = 10 ** (5 / 20) * noise(-62, WINDOW / SAMPLE_RATE)
    assert await vad.feed(louder[: WINDOW - (len(quiet) % WINDOW)]) == [1.0]
    assert len(spy.heard[0]) == (AGAIN + 1) * WINDOW
    held = []
    for window in noise(-62, 2.56).reshape(-1, WINDOW):
        held += await vad.feed(window)
    assert held == [1.0] * (HELD - 1) + [0.0] * (len(held) - HELD + 1)


def test_a_loud_background_is_never_passed_over() -> None:
    assert all(EnergyGate().hear(noise(-45, 20)[: 600 * WINDOW].reshape(-1, WINDOW)))


def test_a_constant_offset_is_silence() -> None:
    gate = EnergyGate()
    assert gate.hear(np.full((100, WINDOW), 0.3, np.float32))[-50:] == [False] * 50


async def test_a_copy_hears_for_itself() -> None:
    spy = SpyVad()
    other = copy(GatedVad(spy))
    other.reset()
    await other.feed(noise(-20, 1))
    assert spy.heard == []


@pytest.mark.parametrize("clip", ["question_capital.wav", "pause_0.8.wav", "long_request.wav"])
@pytest.mark.parametrize("gain", [0.0, -20.0])
async def test_turns_begin_and_end_where_they_do_without_it(clip: str, gain: float) -> None:
    voice = np.pad(10 ** (gain / 20) * read(clip), (3 * SAMPLE_RATE, 2 * SAMPLE_RATE))
    pcm = (voice + noise(-65, len(voice) / SAMPLE_RATE)).astype(np.float32)
    bare = SileroVad()
    await bare.load()
    gated = GatedVad(copy(bare))
    bare.reset()
    gated.reset()
    voiced = []
    for vad in (bare, gated):
        heard: list[float] = []
        for start in range(0, len(pcm), 320):
            heard += await vad.feed(pcm[start : start + 320])
        voiced.append(np.flatnonzero(np.array(heard) >= 0.5))
    without, with_gate = voiced
    assert abs(int(with_gate[0]) - int(without[0])) <= 1
    assert abs(int(with_gate[-1]) - int(without[-1])) <= 1
