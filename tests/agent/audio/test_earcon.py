"""Earcons between replies."""

import numpy as np
import pytest

from agent.audio.earcon import LENGTH_S, earcon, kept_sign
from agent.audio.playback import Playback

pytestmark = pytest.mark.anyio

RATE = 24000


@pytest.mark.parametrize("replied", [True, False])
async def test_a_sign_is_heard_until_a_reply(replied: bool) -> None:
    playback = Playback(RATE, prebuffer=0)
    sign = kept_sign(RATE)
    assert len(sign) == 2 * round(LENGTH_S * RATE)
    playback.chime(sign)
    if replied:
        track = playback.open(RATE)
        await track.write(np.full(RATE, 1e-4, np.float32))
    out = np.zeros(RATE, np.float32)
    for start in range(0, len(out), 240):
        playback.render(out[start : start + 240], start / RATE)
    heard = np.flatnonzero(np.abs(out) > 0.01)
    assert (len(heard) > 0 and bool(heard.max() > LENGTH_S * RATE)) is not replied


async def test_the_sign_is_not_the_tone_for_thinking() -> None:
    assert not np.array_equal(kept_sign(RATE)[: len(earcon(RATE))], earcon(RATE))
