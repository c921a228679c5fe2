"""What the pages for people hold: programs and what they print, configurations."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tests.paths import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```(python|text|yaml|toml)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# (\S+\.(?:py|toml))\n")


def blocks(page: Path, kind: str) -> list[str]:
    """The fenced blocks of a page that are of one kind and nothing besides."""
    return [text for found, text in _BLOCK.findall(page.read_text("utf-8")) if found == kind]


def files(page: Path) -> dict[str, str]:
    """The blocks that are files, by the name in their first line."""
    texts = blocks(page, "python") + blocks(page, "toml")
    return {match[1]: text for text in texts if (match := _FILE.match(text))}


def programs(page: Path) -> Iterator[tuple[str, str]]:
    """Every program of a page, and what it says that is printed; `…` stands for anything."""
    found = _BLOCK.findall(page.read_text("utf-8"))
    for (kind, text), (following, output) in pairwise([*found, ("", "")]):
        if kind == "python" and not _FILE.match(text):
            yield text, output if following == "text" else ""


def in_order(output: str) -> re.Pattern[str]:
    """A pattern for a printed text that holds `output`, piece by piece."""
    pieces = (piece.strip() for piece in re.split(r"[…\n]", output))
    return re.compile(".*".join(map(re.escape, filter(None, pieces))), re.DOTALL)
