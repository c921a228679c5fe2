"""A conversation is kept though its program is killed, and another one goes on with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.main import main
from tests.llm_adapters.chat_server import REPLY, serving
from tests.paths import AUDIO

QUESTION = AUDIO / "question_capital.wav"


def talk_and_be_killed(arguments: list[str], events: Path) -> None:
    """`parley talk` until its first reply has been heard, and not a moment longer (SIGKILL)."""
    os.mkfifo(events)
    command = [sys.executable, "-m", "agent.cli", "talk", *arguments, "--events", str(events)]
    with subprocess.Popen(command) as process, events.open() as log:
        try:
            assert any(json.loads(line)["type"] == "assistant.done" for line in log)
        finally:
            process.kill()


def test_the_agent_that_had_the_floor_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = tmp_path / "house.yaml"
    house.write_text(
        f"session: {{save: {tmp_path / 'kept'}}}\n"
        "agents:\n  front: {greeting: This is the desk.}\n  expert: {greeting: I know it all.}\n"
    )
    for words, told in (
        ("let me speak to the expert", ["This is the desk.", "I know it all."]),
        ("good morning", ["I know it all."]),
    ):
        command = [sys.executable, "-m", "agent.cli", "chat", str(house)]
        command += ["--resume", "last"] if words == "good morning" else []
        said = subprocess.run(command, input=words, check=True, capture_output=True, text=True)
        lines = said.stdout.splitlines()
        assert [line for line in lines if line in ("This is the desk.", "I know it all.")] == told
    assert main(["history", "last", "--config", str(house)]) == 0
    lines = [line.split("  ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if "goes on" in line] == [
        "-- front goes on --",
        "-- expert goes on --",
        "-- expert goes on --",
    ]


def test_a_conversation_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept"
    config = tmp_path / "agent.yaml"
    with serving() as server:
        config.write_text(
            f"agent: {{preamble: '', instructions: Be brief.}}\n"
            f"llm: {{adapter: openai, base_url: '{server.url}', model: good, api_key: none}}\n"
            f"session: {{save: {kept}}}\n"
            f"turn: {{silence: 0.4, unfinished: 0.5}}\n"
        )
        devices = ["--mic", str(QUESTION), "--speaker", str(tmp_path / "out.wav")]
        talk_and_be_killed([str(config), *devices], tmp_path / "events")
        (file,) = kept.iterdir()
        assert file.read_bytes().endswith(b"\n")
        assert main(["talk", str(config), *devices, "--resume", "last"]) == 0
        asked = [message["content"] for message in server.exchanges[-1].body["messages"]]
        warm_up = server.exchanges[0].body
    assert list(kept.iterdir()) == [file]
    question, reply = asked[1], "".join(REPLY)
    assert "capital of france" in question
    assert asked == ["Be brief.", question, reply, question]
    assert warm_up["max_tokens"] == 1
    assert [message["content"] for message in warm_up["messages"]] == ["Be brief.", "Hello."]

    capsys.readouterr()
    assert main(["history", "last", "--config", str(config)]) == 0
    lines = [line.split("  ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    turn = [f"user:  {question}", f"agent: {reply}"]
    assert lines == [lines[0], *turn, lines[3], *turn]
    assert main(["talk", str(config), *devices, "--resume", "never"]) == 1
    assert f"no conversation 'never' in {file.parent}" in capsys.readouterr().err
