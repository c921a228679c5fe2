"""Cases that hold and cases that fail, by the command, in virtual time."""

import subprocess
import sys
import wave
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agent.cli.main import main

AGENT = """
tools: [timer]
agent: {greeting: Good day.}
llm:
  adapter: eliza
  rules:
    - hears: timer for (.+)
      calls: timer
      arguments: {seconds: "{0}", announcement: Your tea is ready.}
      says: "{0} it is."
    - {hears: a story, says: "Once upon a time there was a tree that was a little too tall."}
"""


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def run(cases: str, *options: str, agent: str = AGENT) -> tuple[int, str]:
        (tmp_path / "agent.yaml").write_text(agent)
        (tmp_path / "agent.cases.yaml").write_text(cases)
        status = main(["test", str(tmp_path / "agent.yaml"), *options])
        return status, capsys.readouterr().out

    return run


def test_what_holds(run) -> None:  # type: ignore[no-untyped-def]
    status, told = run("""
cases:
  - name: a timer
    turns:
      - wait: 0
        expect: {says: good day, calls: []}
      - say: a timer for ten minutes
        expect: {says: {contains: ten minutes, lacks: sorry, matches: "^ten"}, latency: 0.1,
                 calls: [{name: timer, arguments: {seconds: 600}}]}
      - wait: 590
        expect: {says: {lacks: tea}}
      - wait: 20
        expect: {says: Your tea is ready!}
""")
    assert status == 0, told
    assert "ok    a timer (6" in told  # ten minutes and some seconds


def test_what_fails_is_told(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    status, told = run(
        """
repeat: 2
cases:
  - name: "fails\\e"
    turns:
      - say: a timer for ten minutes
        expect: {says: [tea], calls: [{name: timer, arguments: {seconds: 60}}], heard: x}
  - name: holds
    repeat: 1
    turns: [{say: hello}]
""",
        *("--junit", str(tmp_path / "junit.xml"), "--keep", str(tmp_path / "kept")),
    )
    assert status == 1
    where = "turn 1 ('a timer for ten minutes'): "
    assert f"{where}says: 'tea' is not in it (it was 'ten minutes it is.')" in told
    assert f'{where}calls: timer {{"seconds": 60}} is missing (there were: timer ' in told
    assert f"{where}heard: no answer was interrupted" in told
    assert "1 passed, 2 failed" in told
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    (suite,) = root
    assert suite.attrib["tests"] == "3"
    assert suite.attrib["failures"] == "2"
    assert "is not in it" in suite[0][0].attrib["message"]
    assert (tmp_path / "kept" / "fails-1-2.jsonl").read_text().startswith('{"t": 0.0, ')


def test_who_is_interrupted(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    cases = """
user: speech
ears: script
noise: 20
cases:
  - name: at a word
    turns:
      - say: [tell me, 0.4, a story]
        expect: {understands: tell me a story, heard: {contains: a time, lacks: too tall},
                 latency: 1, says: nothing of it}
      - say: a timer for two hours
        interrupt: a time
        expect: {calls: {name: timer, arguments: {seconds: 7200}}}
  - name: too late
    turns:
      - say: a story
      - say: hello
        interrupt: never said
"""
    status, told = run(cases, "--keep", str(tmp_path / "one"))
    assert status == 1
    problems = [line.strip() for line in told.splitlines() if "turn " in line]
    assert len(problems) == 2
    assert "says: 'nothing of it' is not in it (it was 'Once upon a time" in problems[0]
    late = "there was nothing to interrupt: the answer was over before 'never said'"
    assert problems[1] == f"turn 2 ('hello'): {late}"
    assert (
        tmp_path / "one" / "at-a-word.wav"
    ).stat().st_mode & 0o77 == 0  # what is said is private
    with wave.open(str(tmp_path / "one" / "at-a-word.wav")) as file:
        assert file.getnchannels() == 2
        assert file.getnframes() > 5 * file.getframerate()


def test_a_run_gives_the_same_again(tmp_path: Path) -> None:
    """Each sample, and each moment."""
    cases = tmp_path / "cases.yaml"
    cases.write_text(
        "user: speech\ncases:\n  - name: a\n    turns:\n"
        "      - {say: what is the capital of france, expect: {says: nothing of it}}\n"
        "      - {say: tell me, interrupt: 0.3}\n"
    )
    command = [sys.executable, "-m", "agent.cli", "test", "offline", str(cases), "--keep"]
    for folder in ("one", "two"):
        run = subprocess.run([*command, str(tmp_path / folder)], check=False, timeout=60)
        assert run.returncode == 1
    for name in ("a.jsonl", "a.wav"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_who_is_hardly_heard_is_told_what_to_do(run) -> None:  # type: ignore[no-untyped-def]
    status, told = run(
        """
        cases:
          - name: a voice
            user: speech
            turns: [{say: hello, expect: {understands: something else}}]
        """
    )
    assert status == 1
    assert "pocketsphinx understands little of espeak, the user's voice: ears: script, or" in told


def test_a_judge(run) -> None:  # type: ignore[no-untyped-def]
    status, told = run("""
judge:
  adapter: eliza
  rules:
    - {hears: criterion it is polite, says: "**PASS**: it greets."}
    - {hears: criterion it rhymes, says: "Fail - it is no poem."}
    - {hears: criterion, says: "PASS or FAIL, who knows."}
cases:
  - name: judged
    turns:
      - say: hello
        expect: {judge: [it is polite, it rhymes, it is long]}
""")
    assert status == 1
    assert "judge: PASS: it is polite: it greets." in told
    assert "turn 1 ('hello'): judge: FAIL: it rhymes: it is no poem." in told
    assert "judge: the judge said neither PASS nor FAIL, but: 'PASS or FAIL, who knows.'" in told


def test_tools_in_threads_and_what_fails_by_itself(run, monkeypatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Time stands still while a function works; one that waits on the loop waits in no time."""
    (tmp_path / "my_tools.py").write_text(
        "import anyio, time\n"
        "def slow() -> str:\n    '''Work.'''\n    time.sleep(0.3)\n    return 'worked'\n"
        "async def later() -> str:\n    '''Wait.'''\n    await anyio.sleep(20)\n"
        "    return 'waited'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    agent = (
        "tools: ['my_tools:slow', 'my_tools:later']\nllm:\n  adapter: eliza\n  rules:\n"
        "    - {hears: slow, calls: slow}\n    - {hears: later, calls: later}\n"
    )
    status, told = run(
        """
cases:
  - name: tools
    turns:
      - {say: slow, expect: {says: worked, latency: 0.1}}
      - {say: later, expect: {says: waited, latency: 20.1}}
""",
        agent=agent,
    )
    assert status == 0, told


def test_an_agent_with_a_wake_word_is_awake(run) -> None:  # type: ignore[no-untyped-def]
    status, told = run(
        "{user: speech, ears: script, cases: [{name: a, turns: ["
        "{wait: 0, expect: {says: nothing much}}, {say: hello, expect: {says: hello}}]}]}",
        *("--set", "agent.greeting=Nothing much."),
        agent="wake: {words: [hey parley]}",
    )
    assert status == 0, told


def test_a_report_that_cannot_be_written(run) -> None:  # type: ignore[no-untyped-def]
    status, told = run("cases: [{name: a, turns: [{say: hello}]}]", "--junit", "/proc/x.xml")
    assert status == 1
    assert "ok    a" in told


def test_in_real_time(run) -> None:  # type: ignore[no-untyped-def]
    status, told = run("cases: [{name: a, turns: [{say: hello}]}]", "--real-time")
    assert status == 0
    assert "1 case in real time" in told
