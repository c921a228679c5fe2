"""The programs and configurations of the README and of `docs/` do as they are printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.config.load import parse_config
from tests import tiny_dia2
from tests.docs.pages import PAGES, blocks, files, in_order, programs
from tests.paths import ROOT
from tests.tts.dia.models import SMALL

ELSEWHERE = {"plugins"}
"""Pages whose programs want packages that are not here: `tests/clients` runs them."""

PROGRAMS = [
    pytest.param(page, program, output, id=f"{page.stem} {number}")
    for page in PAGES
    if page.stem not in ELSEWHERE
    for number, (program, output) in enumerate(programs(page), 1)
]
CONFIGS = [
    pytest.param(config, id=f"{page.stem} {number}")
    for page in PAGES
    for number, config in enumerate(blocks(page, "yaml"), 1)
]


@pytest.mark.parametrize(("page", "program", "output"), PROGRAMS)
def test_a_program(page: Path, program: str, output: str, tmp_path: Path) -> None:
    """In an empty folder; of Dia and Dia2 it loads a model of the tests, in place of gigabytes."""
    for name, text in files(page).items():
        (tmp_path / name).write_text(text)
    program, replaced = re.subn(r"nari-labs/Dia2-\dB", "checkpoint", program)
    if replaced:
        tiny_dia2.make(tmp_path / "checkpoint")
    program = program.replace("nari-labs/Dia-1.6B-0626", str(SMALL)).replace(
        ', quantize="int8"', ""
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert in_order(output).search(done.stdout), done.stdout


def test_what_the_programs_are_there_for() -> None:
    """What was tested here when all of them stood in the README."""
    everything = [
        *("SessionStarted", "sound", "AssistantDone(turn=1", "SessionEnded(reason='finished')"),
        *("['Hello,']", "['world.']", "['How']", "['you?']"),
        "what is the capital of france",
    ]
    outputs = "\n".join(output for page in PAGES for _, output in programs(page))
    assert [text for text in everything if text not in outputs] == []


@pytest.mark.parametrize("config", CONFIGS)
def test_a_configuration(config: str) -> None:
    parse_config(config.encode(), "README.md")


@pytest.mark.parametrize(("page", "program", "output"), PROGRAMS)
def test_embedding_is_short(page: Path, program: str, output: str) -> None:
    lines = [line for line in program.splitlines() if line and "import" not in line]
    assert len(lines) <= 10, (page, output)


def test_an_engine_is_short() -> None:
    (engine,) = (
        text for name, text in files(ROOT / "docs/add-an-engine.md").items() if name.endswith(".py")
    )
    assert len([line for line in engine.splitlines() if line]) <= 40
