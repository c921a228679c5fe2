"""Kept conversations are searched, exported, deleted, and forgotten when they are old."""

import json
import os
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from agent.config.load import parse_config
from agent.config.sections import SessionSettings
from agent.conversation.forgetting import forget
from agent.conversation.store import ConversationStore, open_store
from agent.errors import ConfigError
from agent.events import Event

KEPT: list[dict[str, Any]] = [
    {"time": "2026-01-02T10:00:00.000+00:00", "type": "begun", "pid": 1},
    {"time": "2026-01-02T10:00:03.000+00:00", "type": "user", "text": "what is the Capital"},
    {"time": "2026-01-02T10:00:04.000+00:00", "type": "tool", "name": "map", "text": "Paris"},
    {
        "time": "2026-01-02T10:00:06.500+00:00",
        "type": "assistant",
        "text": "Paris is the capital",
        "interrupted": True,
    },
    {"time": "2026-01-02T10:00:07.000+00:00", "type": "aside", "text": "mm-hm"},
]
DAY = 24 * 3600


def keep(folder: Path, name: str, *, days: float = 0.0) -> Path:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in KEPT))
    path.chmod(0o600)
    os.utime(path, (time.time() - days * DAY,) * 2)
    return path


def history(folder: Path, *words: str) -> int:
    return main(["history", "--dir", str(folder), *words])


def test_search(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path, "2026-01-02-100000")
    assert history(tmp_path, "search", "capital", "paris") == 0
    told = capsys.readouterr().out
    assert told == "2026-01-02-100000     10:00:06  agent: Paris is the capital [interrupted]\n"
    assert history(tmp_path, "search", "berlin") == 1
    told = capsys.readouterr().err
    assert told == f"parley: nothing was said with 'berlin' in it in {tmp_path}\n"
    assert history(tmp_path, "search") == 1


def test_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path, "2026-01-02-100000")
    assert history(tmp_path, "export", "last") == 0
    assert capsys.readouterr().out == (
        "# Conversation 2026-01-02-100000\n\n*begun 2026-01-02 10:00:00*\n\n"
        "**You:** what is the Capital\n\n> `map` → Paris\n\n"
        "**Agent:** Paris is the capital —\n\n**You:** (mm-hm)\n"
    )
    assert history(tmp_path, "export", "last", "--format", "srt") == 0
    assert capsys.readouterr().out == (
        "1\n00:00:01,400 --> 00:00:03,000\nYou: what is the Capital\n\n"
        "2\n00:00:04,900 --> 00:00:06,500\nAgent: Paris is the capital —\n\n"
        "3\n00:00:06,600 --> 00:00:07,000\nYou: (mm-hm)\n"
    )
    out = tmp_path / "out.json"
    assert history(tmp_path, "export", "2026", "--format", "json", "-o", str(out)) == 0
    exported = json.loads(out.read_text())
    assert exported["id"] == "2026-01-02-100000"
    assert [entry["type"] for entry in exported["entries"]] == [e["type"] for e in KEPT]
    assert out.stat().st_mode & 0o777 == 0o600


def test_several_agents_have_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = keep(tmp_path, "2026-01-02-100000")
    begun, *others = path.read_text().splitlines()
    agent = json.dumps({"time": KEPT[0]["time"], "type": "agent", "name": "anna"})
    path.write_text("\n".join([begun, agent, *others]) + "\n")
    assert history(tmp_path, "export", "last") == 0
    assert "**anna:** Paris is the capital —\n" in capsys.readouterr().out
    assert history(tmp_path, "export", "last", "--format", "srt") == 0
    assert "\nanna: Paris is the capital —\n" in capsys.readouterr().out
    assert history(tmp_path, "last") == 0
    assert "  anna: Paris is the capital [interrupted]\n" in capsys.readouterr().out


def test_delete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = keep(tmp_path, "2026-01-02-100000")
    other = keep(tmp_path, "2026-01-03-100000")
    assert history(tmp_path, "delete", path.stem) == 1
    assert "There is no terminal to ask on: say so with --yes" in capsys.readouterr().err
    assert history(tmp_path, "delete", "2026-01-02", "--yes") == 0
    assert capsys.readouterr().out == "deleted 2026-01-02-100000\n"
    assert (path.exists(), other.exists()) == (False, True)


def test_what_goes_on_or_is_none_is_not_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ConversationStore(tmp_path) as memory:
        assert history(tmp_path, "delete", "last", "--yes") == 1
        told = capsys.readouterr().err
        assert told == f"parley: the conversation {memory.id} goes on: it is not deleted\n"
    (tmp_path / "own.jsonl").write_text("{}\n")
    assert history(tmp_path, "delete", "own", "--yes") == 1
    assert "is no conversation of Parley's" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["export"], "export which? Give one id, or last"),
        (["export", "2027"], "no conversation '2027'"),
        (["delete"], "delete which? Give their ids"),
        (["delete", "2027", "--yes"], "no conversation '2027'"),
        (["last", "again"], "one id, or search, export, delete; not last again"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert history(tmp_path, *words) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert told in lines[0]


def test_old_ones_are_forgotten_when_one_begins(tmp_path: Path) -> None:
    old, new = (
        keep(tmp_path, "2026-01-01-000000", days=31),
        keep(tmp_path, "2026-02-01-000000", days=2),
    )
    resumed = keep(tmp_path, "2026-01-02-000000", days=40)
    note = tmp_path / "notes.txt"
    note.write_text("mine")
    foreign = tmp_path / "other.jsonl"
    foreign.write_text('{"a": 1}\n')
    for each in (note, foreign):
        os.utime(each, (0, 0))
    events: list[Event] = []
    settings = SessionSettings(save=str(tmp_path), forget="30 days")
    store = open_store(settings, resumed.stem, events.append)
    assert store is not None
    with store:
        assert not old.exists()
        assert all(path.exists() for path in (new, resumed, note, foreign))
    assert [event.record().get("code") for event in events] == ["conversations.forgotten"]


def test_a_clock_that_is_far_ahead_deletes_nothing_at_once(tmp_path: Path) -> None:
    kept = [keep(tmp_path, f"2016-01-0{n}-000000", days=3650 + 40 - n) for n in (1, 2)]
    lately = keep(tmp_path, "2016-02-10-000000", days=3650)
    today = keep(tmp_path, "2016-03-08-000000", days=0.2)
    events: list[Event] = []
    forget(tmp_path, timedelta(days=30), events.append)
    assert lately.exists()
    assert not any(path.exists() for path in kept)  # they were older before the clock leapt
    told = [event.record() for event in events]
    assert [each["code"] for each in told] == ["conversations.forgotten", "clock.doubted"]
    assert told[1]["message"] == (
        "by this clock nobody has talked for 3650 days: a conversation older than "
        "session.forget will be deleted once it has gone on for a day"
    )
    os.utime(today, (time.time() - 2 * DAY,) * 2)  # it has gone on like that
    forget(tmp_path, timedelta(days=30), events.append)
    assert (lately.exists(), today.exists()) == (False, True)


def test_a_clock_that_was_behind_makes_nothing_old(tmp_path: Path) -> None:
    now = datetime.now()
    path = keep(tmp_path, f"{now - timedelta(days=3):%Y-%m-%d-%H%M%S}", days=20000)
    keep(tmp_path, f"{now - timedelta(days=2):%Y-%m-%d-%H%M%S}", days=20000)
    events: list[Event] = []
    forget(tmp_path, timedelta(days=30), events.append)
    assert path.exists()
    assert events == []


def test_one_that_goes_on_elsewhere_is_not_forgotten(tmp_path: Path) -> None:
    events: list[Event] = []
    with ConversationStore(tmp_path) as memory:
        path = keep(tmp_path, "2026-02-10-000000", days=2).with_stem("2016-01-01-000000")
        (tmp_path / f"{memory.id}.jsonl").rename(path)
        os.utime(path, (0, 0))
        forget(tmp_path, timedelta(days=1), events.append)
        assert path.exists()
    assert events[0].record()["message"].endswith("goes on: it is not deleted")


@pytest.mark.parametrize(
    ("text", "days"), [("1 hour", 1 / 24), ("30 days", 30), ("2 weeks", 14), ("1 year", 365)]
)
def test_durations(text: str, days: float) -> None:
    assert SessionSettings(forget=text).kept_for == timedelta(days=days)


@pytest.mark.parametrize("text", ["30", "soon", "0 days", "-1 days", "1 fortnight"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ConfigError, match=r"a.yaml:1: session\.forget"):
        parse_config(f"session: {{forget: {text}}}".encode(), "a.yaml")
