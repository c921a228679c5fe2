"""The pages for people are about this repository: their links, the places they name."""

import re
from pathlib import Path

import pytest

from agent.tools.function import find_function, function_tool
from tests.docs.pages import PAGES, files
from tests.paths import ROOT

TEXTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
IDS = [page.name for page in TEXTS]
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text("utf-8")


@pytest.mark.parametrize("page", TEXTS, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#[^)]*)?\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    anchors = set(re.findall(r"\]\(#([^)]*)\)", text))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    assert anchors <= {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", TEXTS, ids=IDS)
def test_places_are_there(page: Path) -> None:
    """What is written as `agent/events.py` or `tests/e2e`."""
    tops = "agent|stt|llm_adapters|tts|configs|bench|tests|docs"
    places = re.findall(rf"`((?:{tops})/[\w./]*)`", page.read_text("utf-8"))
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_every_promise_that_the_code_cites_is_explained() -> None:
    cited = {
        promise
        for package in ("agent", "stt", "llm_adapters", "tts")
        for path in (ROOT / package).rglob("*.py")
        for promise in re.findall(r"\(P(\d+)\b", path.read_text("utf-8"))
    }
    assert cited
    assert cited <= set(re.findall(r"\*\*P(\d+)\*\*", ARCHITECTURE))


def test_the_tool_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in files(ROOT / "docs/tools-and-memory.md").items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    spec = function_tool(find_function("house:unlock")).spec
    assert (spec.name, spec.description) == ("unlock", "Unlock a door of the house.")
    assert spec.parameters["properties"]["door"]["enum"] == ["front", "back"]
    assert spec.parameters["properties"]["door"]["description"] == "Which one."


def test_every_page_can_be_found() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [page.name for page in PAGES[1:] if f"(docs/{page.name})" not in readme] == []
