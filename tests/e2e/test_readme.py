"""The README's programs run as they are printed."""

import re
import subprocess
import sys

import pytest

from agent.config.load import parse_config
from tests.paths import ROOT

README = (ROOT / "README.md").read_text("utf-8")
# Dia2's needs a download; what it calls is tested with a checkpoint that the tests make.
PROGRAMS = [
    program
    for program in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    if "anyio" in program
]

CONFIGS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)

EXPECTED = [
    ["SessionStarted", "sound", "AssistantDone(turn=1", "SessionEnded(reason='finished')"],
    ["['Hello,']", "['world.']", "['How']", "['you?']"],
    ["turn on the lights in the kitchen and play some music"],
    ["AssistantDone(turn=1"],
]


@pytest.mark.parametrize(
    ("program", "expected"),
    list(zip(PROGRAMS, EXPECTED, strict=True)),
    ids=["agent", "tts", "stt", "own stage"],
)
def test_a_program_of_the_readme(program: str, expected: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    for text in expected:
        assert text in done.stdout


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_a_configuration_of_the_readme(config: str) -> None:
    parse_config(config.encode(), "README.md")


@pytest.mark.parametrize("program", PROGRAMS)
def test_embedding_is_short(program: str) -> None:
    lines = [line for line in program.splitlines() if line and "import" not in line]
    assert len(lines) <= 10
