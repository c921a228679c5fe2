"""What figures and signs are read as: the values were written by hand, by language.

`cases/LANGUAGE.txt` has a case a line: what is written, a bar, what is spoken.
"""

from pathlib import Path

import pytest

from tts.normalise import LANGUAGES, normaliser

CASES = Path(__file__).parent / "cases"


def cases() -> list[tuple[str, str, str]]:
    lines = [
        (path.stem, line)
        for path in sorted(CASES.glob("*.txt"))
        for line in path.read_text("utf-8").splitlines()
        if line and not line.startswith("# ")
    ]
    return [(language, *line.rsplit(" | ", 1)) for language, line in lines]  # type: ignore[misc]


def spoken(language: str, *fragments: str) -> str:
    speech = normaliser(language)
    return "".join(map(speech.feed, fragments)) + speech.finish()


@pytest.mark.parametrize(("language", "written", "read"), cases())
def test_it_is_read_as_a_native_speaker_would(language: str, written: str, read: str) -> None:
    assert spoken(language, written) == read
    assert spoken(language, *written) == read


def test_there_are_cases_enough() -> None:
    for language in LANGUAGES:
        count = sum(code == language for code, *_ in cases())
        assert count >= (400 if language == "en" else 60), language
