"""Files of cases that are none: one line for each problem, with its file, line and key."""

from pathlib import Path

import pytest

from agent.cli.main import main
from agent.errors import ConfigError
from agent.testing.cases import load_cases

GOOD = "cases:\n  - name: a\n    turns: [{say: hi}]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cases.yaml:1: cases: is required"),
        ("cases: []", "cases.yaml:1: cases: "),
        ("case: []\ncases: []", "cases.yaml:1: case: unknown key, did you mean 'cases'?"),
        (
            "cases:\n  - name: a\n    turns:\n      - say: hi\n        expects: {}",
            "cases.yaml:5: cases[0].turns[0].expects: unknown key, did you mean 'expect'?",
        ),
        (
            "cases:\n  - name: a\n    turns:\n      - say: hi\n        expect: {call: []}",
            "cases.yaml:5: cases[0].turns[0].expect.call: unknown key, did you mean 'calls'?",
        ),
        ("cases:\n  - name: a\n    turns: [{expect: {}}]", "should have say or wait"),
        ("cases:\n  - name: a\n    turns: [{say: x, interrupt: 1}]", "of what?"),
        ("cases:\n  - name: a\n    turns: [{say: hi, expect: {says: {matches: (}}}]", "regular"),
        (GOOD + GOOD.partition("\n")[2], "has two cases 'a'"),
        (GOOD + "voice: {engine: espeek}", "did you mean 'espeak'?"),
        (GOOD + "user: loud", "'text' or 'speech'"),
    ],
)
def test_what_is_wrong_with_a_file(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_cases(path)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("cases", "options", "message"),
    [
        (None, [], "cannot be read"),
        ("cases: 7", [], "cases.yaml:1: cases: "),
        (GOOD, ["-k", "b"], "-k: no case has 'b' in its name"),
        (
            "cases:\n  - name: a\n    turns: [{say: hi, expect: {agent: front}}]",
            [],
            "case 'a', turn 1: expect.agent: there is no agent 'front'; there are not several",
        ),
        (
            "cases:\n  - name: a\n    turns: [{say: hi, expect: {judge: it is polite}}]",
            [],
            "case 'a', turn 1: expect.judge: eliza judges nothing: give the file a judge",
        ),
    ],
)
def test_the_status_of_bad_input_is_2(
    cases: str | None,
    options: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "cases.yaml"
    if cases is not None:
        path.write_text(cases)
    assert main(["test", "offline", str(path), *options]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_a_configuration_that_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(tmp_path / "no.yaml")]) == 2
    assert "no such file or preset" in capsys.readouterr().err
