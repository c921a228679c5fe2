"""Engines are tried in their order, until one is fast enough; what fails is told, and left."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import ParleyError
from agent.setup import measure
from agent.setup.measure import Speed, Tried, try_out
from agent.setup.plan import Choice, Download, Plan

pytestmark = pytest.mark.anyio

POCKETSPHINX = Choice({"engine": "pocketsphinx"}, "Pocketsphinx", "")
ELIZA = Choice({"adapter": "eliza"}, "Eliza", "")
ESPEAK = Choice({"engine": "espeak"}, "espeak", "")
NOWHERE = Choice({"engine": "piper", "voice": "no-such.onnx"}, "Piper", "")
WORDS = Choice({"detector": "words"}, "words", "")


def plan(*voices: Choice) -> Plan:
    return Plan(stt=[POCKETSPHINX], llm=[ELIZA], tts=[*voices], turn=[WORDS])


async def test_the_embedded_engines_are_loaded_and_measured() -> None:
    told: list[tuple[str, Tried]] = []
    tried = await try_out(plan(NOWHERE, ESPEAK), None, lambda *each: told.append(each))
    assert [part for part, _ in told] == ["stt", "llm", "tts", "tts", "turn"]
    assert "no-such.onnx" in told[2][1].problem
    assert told[2][1].speed is None
    assert {part: each.choice.title for part, each in tried.items()} == {
        "stt": "Pocketsphinx",
        "llm": "Eliza",
        "tts": "espeak",
        "turn": "words",
    }
    for part in ("stt", "tts"):
        speed = tried[part].speed
        assert speed is not None
        assert speed.first > 0
        assert "of speech" in speed.text


@pytest.fixture
def speeds(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[float]], None]:
    """Let voices be so fast, one after the other; what takes longer than 0.5 s is not enough."""

    def be(given: list[float]) -> None:
        left = iter(given)

        async def measured(_: Choice) -> Speed:
            first = next(left)
            return Speed(first, f"{first} s", enough=first < 0.5)

        monkeypatch.setitem(measure._MEASURES, "tts", measured)

    return be


@pytest.mark.parametrize(("given", "taken"), [([0.9, 0.3], 1), ([0.3], 0), ([0.9, 1.5, 0.7], 2)])
async def test_the_first_that_is_fast_enough_or_else_the_fastest(
    speeds: Callable[[list[float]], None], given: list[float], taken: int
) -> None:
    voices = [Choice({"engine": "espeak"}, str(number), "") for number in range(len(given))]
    speeds(given)
    tried = await try_out(plan(*voices), None, lambda *_: None)
    assert tried["tts"].choice is voices[taken]


async def test_nothing_can_be_used() -> None:
    with pytest.raises(ParleyError, match="nothing can be used for tts: see what was wrong"):
        await try_out(plan(NOWHERE), None, lambda *_: None)


async def test_a_mirror_is_checked_before_anything_is_loaded_from_it(tmp_path: Path) -> None:
    told: list[tuple[str, Tried]] = []
    voice = Choice({"engine": "piper"}, "Piper", "", (Download("a/b", ("x",), 1, "voice"),))
    await try_out(plan(voice, ESPEAK), tmp_path, lambda *each: told.append(each))
    assert "is no mirror" in told[2][1].problem
