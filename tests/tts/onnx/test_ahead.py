"""How much of a clause is made at a time, on a virtual clock."""

import math
from pathlib import Path
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from tests.tts.onnx.toys import make_kokoro, make_piper
from tts import speed
from tts.espeak.library import load_library
from tts.espeak.phonemes import Phonemes, phonemise
from tts.kokoro import Kokoro
from tts.onnx.ahead import FIRST, FIXED, MARGIN, Ahead, Speed
from tts.onnx.speech import TELLING, keep_speed
from tts.piper import Piper

pytestmark = pytest.mark.anyio


def measured(making: float, lasting: float = 0.06) -> Speed:
    """A network that takes `making` seconds a phoneme, and as much again for FIXED more."""
    found = Speed()
    found.add(40, making * (40 + FIXED), lasting * 40)
    return found


async def test_a_first_phrase_is_as_long_as_it_may_take() -> None:
    assert Ahead(Speed()).phonemes == math.inf, "before anything is known"
    assert Ahead(measured(0.01)).phonemes == pytest.approx(FIRST / 0.01 - FIXED)
    assert Ahead(measured(0.005)).phonemes == pytest.approx(FIRST / 0.005 - FIXED)


def test_what_is_ahead_is_the_time_for_the_next() -> None:
    options = {"clock": MockClock(autojump_threshold=0)}
    anyio.run(_wait_and_make, backend="trio", backend_options=options)


async def _wait_and_make() -> None:
    ahead = Ahead(measured(0.01))
    ahead.add(1.0)
    assert ahead.phonemes == pytest.approx((1.0 - MARGIN) / 0.01 - FIXED)
    await anyio.sleep(0.5)
    assert ahead.phonemes == pytest.approx((0.5 - MARGIN) / 0.01 - FIXED)
    ahead.add(1.0)
    assert ahead.phonemes == pytest.approx((1.5 - MARGIN) / 0.01 - FIXED)
    await anyio.sleep(9)  # nothing is ahead any more, and a gap is no credit
    assert ahead.phonemes == pytest.approx(FIRST / 0.01 - FIXED)
    ahead.add(2.0)
    assert ahead.phonemes == pytest.approx((2.0 - MARGIN) / 0.01 - FIXED)


async def test_slower_than_real_time_no_clause_is_cut() -> None:
    """A gap between clauses is better than one inside."""
    slow = measured(0.06)
    assert slow.real_time_factor > 1
    assert Ahead(slow).phonemes == math.inf


def test_the_latest_counts_most() -> None:
    busy = measured(0.01)
    for _ in range(6):  # somebody else wants the processor
        busy.add(40, 0.03 * (40 + FIXED), 2.4)
    assert busy.phonemes_in(1) == pytest.approx(1 / 0.03 - FIXED, rel=0.1)


def phrases(clause: str, longest: float) -> list[str]:
    rest, found = phonemise(load_library(), clause, "en-us"), []
    while rest.text:
        first, rest = rest.cut(rest.phrase(longest))
        found.append(" ".join(word for word, _ in first.words))
    return found


def test_phrases_begin_with_words_without_stress() -> None:
    clause = "You could walk to the old bridge in the morning and come back by bus."
    whole = phrases(clause, 200)
    assert len(whole) == 2  # `longest` is where to cut, and not whether
    parts = phrases(clause, 0)
    assert parts[:2] == ["You could walk", "to the old bridge"]
    assert " ".join(parts) == clause
    assert phrases("Certainly.", 0) == ["Certainly."]


def test_a_cut_loses_no_word() -> None:
    whole = phonemise(load_library(), "The end of the world is near", "en-us")
    for at in range(len(whole.text) + 1):
        first, second = whole.cut(at)
        assert first.text + second.text == whole.text
        moved = [*first.words, *((word, index + at) for word, index in second.words)]
        assert tuple(moved) == whole.words
    assert Phonemes("", ()).phrase(10) == 0


@pytest.mark.parametrize("engine", ["kokoro", "piper"])
async def test_a_slow_voice_gives_the_first_phrase_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speak: Any, engine: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    voice: Kokoro | Piper
    if engine == "kokoro":
        voice = Kokoro(model=str(make_kokoro(tmp_path, {"am_toy": 1.0})), voice="am_toy")
    else:
        voice = Piper(voice=str(make_piper(tmp_path)))
    await voice.load()
    assert voice._loaded is not None
    clause = "You could walk to the old bridge in the morning."
    whole = await speak(voice, [clause])
    assert len(whole.pieces) == 1
    # Nothing is ahead, and so the shortest phrase is begun with; then there is time for the rest.
    monkeypatch.setattr(voice._loaded.session, "speed", measured(0.011, 0.5))
    cut = await speak(voice, [clause])
    assert len(cut.pieces) > 1
    assert cut.text == whole.text == clause
    cut.check_word_times()
    silence = 2 * 0.03 * voice.sample_rate * len(cut.pieces)
    assert len(cut.pcm) == pytest.approx(len(whole.pcm), abs=silence)


async def test_a_voice_that_was_slow_in_a_conversation_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, speak: Any
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = make_kokoro(tmp_path, {"am_toy": 1.0})
    name = speed.kokoro(str(folder), "int8")
    voice = Kokoro(model=str(folder), voice="am_toy")
    await voice.load()
    assert voice._loaded is not None
    session = voice._loaded.session
    await speak(voice, ["one, two, three."])
    await voice.aclose()
    assert speed.kept(name) is None, "too little to tell by"
    slow = measured(0.06)
    monkeypatch.setattr(session, "speed", slow)
    for _ in range(TELLING):
        slow.add(40, 0.06 * (40 + FIXED), 2.4)
    await keep_speed(session, name)
    assert (kept := speed.kept(name)) is not None
    assert kept > 1
    await voice.load()
    assert "kokoro took 1.2" in caplog.text
    assert "tts: {engine: piper}" in caplog.text
