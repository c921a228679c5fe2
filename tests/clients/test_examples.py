"""FastRTC and Gradio with an agent behind them: the programs of docs/examples."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import ENVIRONMENTS, PROGRAMS, write_question
from tests.paths import ROOT

EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture(scope="module")
def question_pcm(folder: Path) -> Path:
    return write_question(folder)


def runs(program: str, question: Path) -> dict[str, Any]:
    home = ENVIRONMENTS / "fastrtc"
    assert home.exists(), "the clients are not installed: make test-clients"
    ran = subprocess.run(
        [home / "bin" / "python", PROGRAMS / program, EXAMPLES, question],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GRADIO_ANALYTICS_ENABLED": "False"},
    )
    print(ran.stdout[-4000:], ran.stderr[-4000:])  # for when something fails
    assert ran.returncode == 0
    got: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return got


def test_a_caller_by_fastrtc_hears_an_answer(question_pcm: Path) -> None:
    assert runs("fastrtc_caller.py", question_pcm)["seconds"] >= 0.5


def test_a_visitor_of_the_gradio_page_hears_an_answer(question_pcm: Path) -> None:
    got = runs("gradio_visitor.py", question_pcm)
    assert got["title"]
    assert got["words"] == (
        "user: what is the capital of france\nassistant: The capital of France is Paris."
    )
    assert got["seconds"] > 2
