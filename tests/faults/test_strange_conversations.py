"""What is among the conversations and is none, and what is damaged in those that are."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.main import main
from agent.conversation import kept
from agent.conversation.kept import conversations, read
from agent.conversation.store import ConversationStore
from agent.errors import ParleyError
from agent.events import AssistantDone, TurnCommitted
from llm_adapters import Message

TIME = "2026-01-01T10:00:00.000+00:00"


def line(text: str, kind: str = "user") -> str:
    return json.dumps({"time": TIME, "type": kind, "text": text}, ensure_ascii=False)


@pytest.fixture(autouse=True)
def _private_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def begin(folder: Path) -> str:
    with ConversationStore(folder) as store:
        store(TurnCommitted(1, "hello"))
        store(AssistantDone(1, "Good morning."))
    return store.id


STRANGE = ("a FIFO", "a folder", "random bytes", "nested too deeply", "zeros", "huge", "a loop")


def make(what: str, path: Path) -> None:
    match what:
        case "a FIFO":
            os.mkfifo(path)
        case "a folder":
            path.mkdir()
        case "random bytes":
            path.write_bytes(os.urandom(100_000))
        case "nested too deeply":
            path.write_text("[" * 200_000)
        case "zeros":
            path.write_bytes(bytes(100_000))
        case "huge":
            with path.open("wb") as file:
                file.truncate(20 << 30)  # without a byte on the disk
        case "a loop":
            path.symlink_to(path)


@pytest.mark.parametrize("what", STRANGE)
def test_it_is_said_in_one_line_and_the_others_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    name = begin(tmp_path)
    make(what, tmp_path / "2099-01-01-000000.jsonl")
    os.utime(tmp_path / f"{name}.jsonl", (1, 1))  # so that the strange one is the last
    assert main(["history", "--dir", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{name:20}     1 turn  hello\n"
    told = printed.err.splitlines()
    assert len(told) == 1
    assert "2099-01-01-000000.jsonl" in told[0]
    assert main(["history", "last", "--dir", str(tmp_path)]) == 0
    assert "hello" in capsys.readouterr().out
    with ConversationStore(tmp_path, resume="last") as store:
        assert store.id == name


def test_one_that_is_asked_for_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jsonl")
    with pytest.raises(ParleyError, match="is no conversation: it is no plain file"):
        read(tmp_path, "x")
    with pytest.raises(ParleyError, match="x"):
        ConversationStore(tmp_path, resume="x")


def test_nothing_is_lost_of_what_is_readable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torn = line("torn off")[:-2]
    lines = [
        line("one"),
        "[[[",
        line("two\u2028with a separator\x85of lines"),
        json.dumps({"type": "user", "time": "nonsense", "text": "no time"}),
        json.dumps({"type": "user", "text": "none at all"}),
        torn + line("three"),
        "\0\0\0" + line("four"),
        json.dumps({"time": TIME, "type": "user", "text": "half \ud83d of an emoji"}),
        json.dumps({"time": TIME, "type": ["x"], "text": {"a": 1}}),
        "9" * 10_000,
        torn,
    ]
    path = tmp_path / "x.jsonl"
    path.write_bytes("\n".join(lines).encode() + b"\xff\xfe")
    texts = [entry.text for entry in read(tmp_path, "x").entries if entry.type == "user"]
    assert texts == [
        "one",
        "two\u2028with a separator\x85of lines",
        "no time",
        "none at all",
        "three",
        "four",
        "half \ufffd of an emoji",
    ]
    (message,) = read(tmp_path, "x").messages
    assert message == Message("user", " ".join(texts))
    assert main(["history", "x", "--dir", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert "shown as they are: 4" in printed.err
    assert printed.out.count("torn off") == 2
    assert "[[[" in printed.out
    with ConversationStore(tmp_path, resume="x") as store:
        store(TurnCommitted(1, "five"))
    assert read(tmp_path, "x").messages[0].content.endswith("of an emoji five")


@given(
    texts=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=8),
    damage=st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=30)), max_size=4),
)
def test_bytes_anywhere_harm_only_the_lines_they_are_in(
    texts: list[str], damage: list[tuple[int, bytes]]
) -> None:
    lines = [line(text).encode() for text in texts]
    harmed: set[int] = set()
    for where, noise in damage:
        number = where % len(lines)
        lines[number] = noise.replace(b"\n", b"") + lines[number][where % 40 :]
        harmed.add(number)
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.jsonl")
        path.write_bytes(b"\n".join(lines))
        found = [entry.text for entry in read(path.parent, "x").entries]
    whole = [text for number, text in enumerate(texts) if number not in harmed]
    remaining = iter(found)
    assert all(text in remaining for text in whole)  # all of them, in their order


def test_of_a_very_long_one_the_end_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "LIMIT", 5000)
    text = "\n".join(line(f"turn {number}") for number in range(1000))
    (tmp_path / "x.jsonl").write_text(text, "utf-8")
    told: list[str] = []
    texts = [entry.text for entry in read(tmp_path, "x", told.append).entries]
    assert texts[-1] == "turn 999"
    assert 20 < len(texts) < 200
    assert len(told) == 1
    assert "is very long" in told[0]


def test_an_empty_folder_and_an_empty_file(tmp_path: Path) -> None:
    assert list(conversations(tmp_path)) == []
    (tmp_path / "2026-01-01-000000.jsonl").touch()
    assert list(conversations(tmp_path)) == []
    with pytest.raises(ParleyError, match="no conversation 'last'"):
        read(tmp_path, "last")
