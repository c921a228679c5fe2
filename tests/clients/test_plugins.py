"""Parley's stages as services in other frameworks' own pipelines: what each of them got."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import tiny_dia2
from tests.clients.conftest import ENVIRONMENTS, run
from tests.paths import ROOT

STORY = ", ".join(["one two three four five six seven eight nine ten"] * 4)
QUESTION = "what is the capital of france"
PARLEY = {
    "PYTHONPATH": str(Path(__file__).parent / "parley"),
    "PARLEY_PACKAGES": str(Path(pytest.__file__).parents[1]),
}
"""Parley beside a client's own packages: tests/clients/parley/sitecustomize.py reads it."""


@pytest.fixture(scope="session")
def dia2(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The section of a Dia2 that talks nonsense, but really runs."""
    folder = tiny_dia2.make(tmp_path_factory.mktemp("dia2"))
    return {"engine": "dia2", "model": str(folder), "slots": 1}


def is_what_was_heard(words: str, starts: list[float], heard: float) -> bool:
    """Whether `words` of the story are those that began to sound in the seconds until `heard`.

    Give or take what the loudspeaker had been given at a time, and a busy machine.
    """
    said = words.split()
    least = sum(start < heard - 0.2 for start in starts)
    most = sum(start < heard + 0.3 for start in starts)
    return STORY.split()[: len(said)] == said and least <= len(said) <= most


def test_the_pages_program() -> None:
    page = (ROOT / "docs/plugins.md").read_text("utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", page, re.S | re.M)
    python = ENVIRONMENTS / "pipecat" / "bin" / "python"
    ran = subprocess.run(
        [python, "-c", program],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**os.environ, **PARLEY},
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["Good", "morning", "to", "you."]


@pytest.mark.parametrize(("voice", "rate"), [("espeak", 16000), ("dia2", 48000)])
def test_a_pipeline_of_pipecats(
    voice: str, rate: int, question: Path, request: pytest.FixtureRequest
) -> None:
    engine = request.getfixturevalue(voice) if voice == "dia2" else voice
    got = run("parley_in_pipecat.py", "pipecat", json.dumps(engine), question, rate, **PARLEY)
    assert got["errors"] == []
    assert got["user"] == got["heard_words"] == [QUESTION, QUESTION]
    assert {"what is", QUESTION} < set(got["partials"])
    story, capital = got["assistant"]
    assert is_what_was_heard(story, got["starts"], got["heard"])
    assert capital == "The capital is Paris."
    assert got["speaking"] == [0]


def test_an_agent_session_of_livekits(question: Path) -> None:
    got = run("parley_in_livekit.py", "livekit", json.dumps("espeak"), question, **PARLEY)
    assert got["errors"] == []
    assert got["user"] == [QUESTION, QUESTION]
    assert got["interim"] > 4
    story, capital = got["assistant"]
    words = story.split()
    assert STORY.split()[: len(words)] == words
    assert 2.5 < len(words) / got["heard"] < 5.5  # espeak says 3.7 words a second
    assert capital.strip() == "The capital is Paris."
    assert got["interrupted"] == [True, False]
    assert got["finished"] > 0.5
    assert got["vad"] == ["start_of_speech", "end_of_speech"]
