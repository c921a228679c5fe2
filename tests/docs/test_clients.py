"""The lines of docs/clients.md are those of the programs that are run."""

import re

from tests.paths import ROOT

PAGE = ROOT / "docs" / "clients.md"
PROGRAMS = ROOT / "tests" / "clients" / "programs"
ADDRESS = "127.0.0.1:8765"


def test_every_line_is_run() -> None:
    run = set()
    for program in PROGRAMS.iterdir():
        if program.is_file():
            text = program.read_text("utf-8").replace("${address}", ADDRESS)
            text = re.sub(r'\bf("[^"\n]*)\{address\}', rf"\g<1>{ADDRESS}", text).replace("`", "'")
            run |= {line.strip() for line in text.splitlines()}
    blocks = re.findall(
        r"^```(?:python no-run|javascript)\n(.*?)^```$", PAGE.read_text(), re.S | re.M
    )
    assert len(blocks) == 6
    shown = [line.strip() for block in blocks for line in block.split("\n") if line]
    assert [line for line in shown if line not in run] == []
