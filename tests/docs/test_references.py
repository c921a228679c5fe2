"""The references in `docs/` say what the code says."""

import pytest

from docs.generate import FOLDER, REFERENCES


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_is_what_the_code_says(name: str) -> None:
    """If this fails: python -m docs.generate."""
    assert (FOLDER / name).read_text("utf-8") == REFERENCES[name]()
