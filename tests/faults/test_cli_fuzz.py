"""Whatever a file or the command line holds, a command ends with a line for people.

A few hundred inputs; 10,000 by `python -m tests.faults.fuzz_cli`.
"""

import pytest

from tests.faults import fuzz_cli
from tests.faults.fuzz_inputs import SECRET


@pytest.mark.parametrize("kind", fuzz_cli.KINDS)
def test_no_input_is_too_much(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    results = fuzz_cli.run(60, 11, (kind,))
    assert results["wrong"] == 0, capfd.readouterr().out
    assert results[f"{kind} status 1"] + results[f"{kind} status 2"] > 10, "errors are met"


def test_the_fuzzer_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr("agent.config.load.load_with_files", fail)
    results = fuzz_cli.run(10, 1, ("yaml",))
    assert results["wrong"] == 10
