"""What the tests of Dia's engine share."""

import pytest


@pytest.fixture(autouse=True)
def short_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model mostly ends a take within a third of a second; else it is made to."""
    monkeypatch.setattr("tts.dia.serving.utterance.SLACK", 0.0)
    monkeypatch.setattr("tts.dia.serving.utterance.SLACK_S", 0.6)
