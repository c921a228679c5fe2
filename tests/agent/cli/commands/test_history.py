"""`parley history`: lists and shows."""

from pathlib import Path

import pytest

from agent.cli.main import main
from agent.conversation.store import ConversationStore
from agent.events import AssistantDone, AssistantInterrupted, TurnCommitted, UserBackchannel
from agent.tools import ToolReturned


@pytest.fixture
def kept(tmp_path: Path) -> str:
    with ConversationStore(tmp_path / "kept") as memory:
        memory(TurnCommitted(1, "what time is it"))
        memory(ToolReturned(1, "time", "{}", "noon", 1.5))
        memory(AssistantInterrupted(1, "It is", "noon."))
        memory(UserBackchannel(2, "okay"))
        memory(TurnCommitted(3, f"thank you{' so much' * 10}"))
        memory(AssistantDone(3, "You are welcome."))
        return memory.id


def test_the_list(tmp_path: Path, kept: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--dir", str(tmp_path / "kept")]) == 0
    assert capsys.readouterr().out == f"{kept:20}    2 turns  what time is it\n"


@pytest.mark.usefixtures("kept")
def test_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "own.yaml"
    config.write_text(f"session: {{save: {tmp_path / 'kept'}}}")
    assert main(["history", "last", "--config", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[1].startswith("-- begun ")
    assert [line.split("  ", 1)[1] for line in lines[1:]] == [
        "user:  what time is it",
        "tool:  time {} -> noon",
        "agent: It is [interrupted]",
        "user:  (okay)",
        f"user:  thank you{' so much' * 10}",
        "agent: You are welcome.",
    ]


def test_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"no conversations in {tmp_path} yet\n"
    assert main(["history", "--config", "offline"]) == 1
    assert "set session.save to a folder" in capsys.readouterr().err
    assert main(["history", "x", "--dir", str(tmp_path)]) == 1
    assert "no conversation 'x'" in capsys.readouterr().err
