"""A Whisper model for all tests of the recognisers."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model with random weights."""
    from tests.stt.whisper import tiny_whisper

    return tiny_whisper.make(tmp_path_factory.mktemp("tiny"))
