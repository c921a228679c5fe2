"""Malformed frames and event orders: the session lives, and each gets an error with its event_id.

`PARLEY_FUZZ=10000` for the long run.
"""

import json
import os
import random
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from agent.server.realtime.client_events import TYPES, parse
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.frames import read
from tests.agent.fakes import FakeLlm
from tests.agent.server.realtime.served import an_agent, base64_of, connected, sound

pytestmark = pytest.mark.anyio

FRAMES = int(os.environ.get("PARLEY_FUZZ", "600"))

VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    "",
    "x",
    "root",
    "\ud800",
    "é" * 600,
    [],
    [None],
    {},
    {"type": "message"},
    {"type": "nonsense", "content": 7},
    {"type": "function_call_output"},
    "not base64!",
    "AAA=",
    "A",
]
FIELDS = [
    "session",
    "audio",
    "item",
    "item_id",
    "previous_item_id",
    "content_index",
    "audio_end_ms",
    "response",
    "response_id",
    "event_id",
]
PARTS = [
    {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "nonsense"}}}},
    {"type": "realtime", "audio": {"input": {"format": {"type": "audio/mp3"}}}},
    {"type": "realtime", "audio": {"output": {"speed": 99}}},
    {"type": "transcription"},
    {"type": "realtime", "tools": [{"type": "function"}]},
    {"type": "realtime", "max_output_tokens": 0},
    {"conversation": "none", "input": [{"type": "item_reference", "id": "nobody"}]},
    {"input": [{"type": "message"}]},
    {"output_modalities": ["smell"]},
]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def is_wrong(frame: str) -> bool:
    try:
        parse(read(frame))
    except RealtimeError:
        return True
    return False


def an_event(dice: random.Random, number: int) -> dict[str, Any]:
    kind = dice.choice([*TYPES, *TYPES, "nonsense", "", 7, None])
    event: dict[str, Any] = {"type": kind, "event_id": f"event-{number}"}
    for field in dice.sample(FIELDS, dice.randrange(4)):
        event[field] = dice.choice(VALUES + PARTS)
    return event


async def test_every_wrong_frame_gets_its_error_and_the_session_lives() -> None:
    dice = random.Random(7)
    llm = FakeLlm([["Yes."]] * 5_000)
    agent = an_agent(llm=llm, words=["hello"] * 5_000)
    async with connected(agent, seconds=1e9) as client:
        for number in range(FRAMES):
            event = an_event(dice, number)
            frame = json.dumps(event)
            if dice.random() < 0.1:
                frame = frame[: dice.randrange(len(frame))]
            before = len(client.events)
            client.session.receive(frame)
            new = client.events[before:]
            errors = [each["error"] for each in new if each["type"] == "error"]
            assert len(errors) <= 1
            assert all(error["message"] for error in errors)
            if frame == json.dumps(event) and isinstance(event["event_id"], str):
                assert all(e["event_id"] == event["event_id"][:512] for e in errors)
            if is_wrong(frame):
                assert errors
            if dice.random() < 0.2:
                client.send("input_audio_buffer.append", audio=base64_of(sound(0.1, loud=True)))
                await anyio.sleep(dice.random())
        await anyio.sleep(30)
        client.update(audio={"input": {"turn_detection": None}})
        client.send("response.cancel")
        await anyio.sleep(30)
        count = len(client.of("response.done"))
        client.send("response.create")
        done = await client.until("response.done", count + 1)
        assert done["response"]["status"] == "completed"


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({"type": "nonsense"}, "invalid_value", "type"),
        ({}, "missing_required_parameter", "type"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        (
            {"type": "session.update", "session": {"audio": {"output": {"speed": 9}}}},
            "invalid_value",
            "session.audio.output.speed",
        ),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "$$"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "AAAA"}, "invalid_value", "audio"),
        (
            {"type": "conversation.item.create", "item": {"type": "message"}},
            "missing_required_parameter",
            "item.role",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": 1},
            "item_truncate_invalid_item_id",
            "item_id",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": -1},
            "invalid_value",
            "audio_end_ms",
        ),
        ({"type": "response.cancel"}, "response_cancel_not_active", "response_id"),
    ],
)
async def test_what_is_wrong_is_named(event: dict[str, Any], code: str, param: str) -> None:
    async with connected(an_agent()) as client:
        client.session.receive(json.dumps({**event, "event_id": "mine"}))
        error = client.events[-1]["error"]
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
