"""`parley doctor` and wake words."""

import pytest

from agent.config.load import Config
from agent.doctor.checks_wake import wake

pytestmark = pytest.mark.anyio


def configured(**settings: object) -> Config:
    return Config.model_validate({"wake": settings})


async def test_an_agent_without_a_wake_word_needs_nothing() -> None:
    assert await wake(Config()) == []


async def test_what_it_listens_for() -> None:
    (finding,) = await wake(configured(words=["hey parley", "computer"]))
    assert (finding.state, finding.detail) == ("ok", "listens for 'hey parley', 'computer'")


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"words": ["okay"]}, "'okay' is what people say while they listen"),
        ({"words": ["привет"]}, "pocketsphinx cannot spell 'привет'"),
        ({"words": ["hey barley"], "engine": "openwakeword"}, "no model of 'hey barley'"),
        (
            {"words": ["x"], "engine": "openwakeword", "model": "/nowhere.onnx"},
            "/nowhere.onnx cannot be read",
        ),
    ],
)
async def test_what_cannot_be_heard(settings: dict[str, object], detail: str) -> None:
    (finding,) = await wake(configured(**settings))
    assert finding.state == "missing"
    assert detail in f"{finding.detail}: {finding.fix}"
