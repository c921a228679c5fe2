"""A transcription endpoint in a conversation: a real server, the real client."""

import pytest

from stt.openai import OpenAI
from tests.e2e.spoken import converse
from tests.stt.transcription_server import serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Real servers take real time; the engine itself is tested on both backends."""
    return "asyncio"


async def test_a_turn_that_fails_is_apologised_for_and_the_next_one_answered() -> None:
    with serving() as server:
        engine = OpenAI(model="streams-later", base_url=server.url, retries=0)
        settings = {"agent": {"apology": "Sorry."}}
        events = await converse(engine, ["greeting", "greeting"], settings)
    (error,) = [event for event in events if event["type"] == "error"]
    assert (error["stage"], error["recovered"]) == ("stt", True)
    assert error["message"].startswith(f"{server.url} answered 401: ")
    assert [e["text"] for e in events if e["type"] == "turn.committed"] == ["Grüß dich"]
    done = [event["text"] for event in events if event["type"] == "assistant.done"]
    assert done == ["Sorry.", "Fine."]
    assert events[-1] == {"type": "session.ended", "reason": "finished"}
    assert server.asked[-1]["stream"] == "true"
    assert not [event for event in events if event["type"] == "warning"]
