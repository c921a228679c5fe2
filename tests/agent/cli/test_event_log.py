import json
from pathlib import Path

import anyio
import pytest

from agent.cli.event_log import EventLog
from agent.errors import ParleyError
from agent.events import AssistantInterrupted, TurnLatency

pytestmark = pytest.mark.anyio


async def test_one_line_per_event_as_it_happens(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.jsonl"
    with EventLog(path) as log:
        log(AssistantInterrupted(3, "Grüße", "an alle"))
        first = json.loads(await written(path))  # before the log is closed
        log(TurnLatency(3, total_ms=12.5))
    t = first.pop("t")
    assert 0 <= t < 5
    assert first == {
        "type": "assistant.interrupted",
        "turn": 3,
        "heard": "Grüße",
        "unheard": "an alle",
        "estimated": False,
        "how": "cut",
    }
    last = json.loads(path.read_text(encoding="utf-8").splitlines()[1])
    assert set(last) == {"t", "type", "turn", "total_ms"}


async def written(path: Path) -> str:
    """What stands in a file, once there is something: a busy disk is waited for, not for long."""
    for _ in range(500):
        if text := await anyio.Path(path).read_text(encoding="utf-8"):
            return text
        await anyio.sleep(0.01)
    raise AssertionError("nothing was written in 5 s")


async def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ParleyError, match="cannot be written"):
        EventLog(tmp_path)
