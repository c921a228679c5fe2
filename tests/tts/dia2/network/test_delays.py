"""Tests of the delayed grid."""

import json

import numpy as np
import pytest

from tests.paths import GOLDENS
from tts.dia2.network import delays as grid
from tts.transformer.wave_file import pcm16

RECORDED = json.loads((GOLDENS / "grid.json").read_text())


def array(rows: list[list[int]]) -> grid.Codes:
    return np.array(rows, np.int32).reshape(len(rows), -1)


@pytest.mark.parametrize("case", RECORDED["delay"], ids=lambda case: str(case["delays"]))
def test_delay_and_back(case: dict[str, list[list[int]]]) -> None:
    delays = [int(lag) for lag in np.array(case["delays"]).flatten()]
    delayed = grid.delay(array(case["aligned"]), delays, RECORDED["pad"])
    assert delayed.tolist() == case["delayed"]
    assert grid.undelay(delayed, delays).tolist() == case["undelayed"]


def test_part_of_a_grid() -> None:
    aligned = np.arange(12, dtype=np.int32).reshape(2, 6)
    delayed = grid.delay(aligned, (1, 3), 99)
    assert grid.undelay(delayed, (1, 3), 2).tolist() == aligned[:, 2:].tolist()
    assert grid.undelay(delayed, (1, 3), 2, 4).tolist() == aligned[:, 2:4].tolist()
    assert grid.undelay(delayed[:, :5], (1, 3)).tolist() == aligned[:, :2].tolist()
    assert grid.undelay(delayed, (1, 3), 9).shape == (2, 0)
    assert grid.undelay(delayed[:, :2], (1, 3)).shape == (2, 0)


@pytest.mark.parametrize("case", RECORDED["fill"], ids=lambda case: str(case["delays"]))
def test_what_the_network_hears(case: dict[str, object]) -> None:
    step, delays, bos = case["step"], case["delays"], case["bos"]
    assert isinstance(step, int)
    assert isinstance(delays, list)
    assert isinstance(bos, int)
    heard = [grid.column(buffer, step, delays, bos) for buffer in np.array(case["audio_buf"])]
    assert np.stack(heard).tolist() == case["audio_channels"]


def test_int16_samples() -> None:
    wave = np.array(RECORDED["wav16"]["x"], np.float32)
    assert pcm16(wave).tolist() == RECORDED["wav16"]["pcm"]
    loud = pcm16(np.array([-9, 9, np.float32(0.99999)], np.float32))
    assert loud.tolist() == [-32767, 32767, 32766]
