"""Keyword spotting by pocketsphinx, with an embedded voice and with people's."""

import numpy as np
import pytest

from agent.wake.pocketsphinx import PocketsphinxSpotter
from tests.agent.turns.test_vad import read
from tests.agent.wake.spoken import listen, spoken

VOICES = ("en-us", "en-us+m3", "en-us+m1")
"""Heard with a margin; espeak never says a thing twice alike."""


@pytest.fixture
def spotter() -> PocketsphinxSpotter:
    spotter = PocketsphinxSpotter(["hey parley", "computer"], 0.5)
    spotter.load()
    return spotter


@pytest.mark.parametrize("voice", VOICES)
def test_it_hears_its_word_and_where_it_ends(spotter: PocketsphinxSpotter, voice: str) -> None:
    alone, whole = spoken("hey parley", voice), spoken("hey parley, what time is it", voice)
    spotter.reset()
    (word,) = listen(spotter, alone)
    assert word.text == "hey parley"
    spotter.reset()
    heard = 0
    for start in range(0, len(whole), 320):
        heard += 320
        if (found := spotter.hear(whole[start : start + 320])) is not None:
            break
    assert found is not None
    loud = np.flatnonzero(np.abs(alone) > 0.02)
    assert heard - found.ago == pytest.approx(int(loud[-1]), abs=0.15 * 16000)


@pytest.mark.parametrize("clip", ["question_capital.wav", "long_request.wav"])
def test_other_speech_does_not_wake(spotter: PocketsphinxSpotter, clip: str) -> None:
    spotter.reset()
    assert listen(spotter, read(clip)) == []
    others = "hey charlie, they are barely here. the party is on tuesday. hey, partly cloudy."
    assert listen(spotter, spoken(others)) == []
