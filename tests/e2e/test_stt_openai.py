"""A transcription endpoint in a conversation: a real server, the real client."""

from collections.abc import Iterator

import pytest

from stt.openai import OpenAI
from tests.e2e.spoken import converse
from tests.stt.transcription_server import Server, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Real servers take real time; the engine itself is tested on both backends."""
    return "asyncio"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


async def test_what_it_understands_is_answered(server: Server) -> None:
    events = await converse(OpenAI(model="streams", base_url=server.url), ["greeting"])
    said = [event["text"] for event in events if event["type"] == "turn.committed"]
    assert said == ["Grüß dich"]
    assert [event["text"] for event in events if event["type"] == "assistant.done"] == ["Fine."]
    assert server.asked[-1]["stream"] == "true"
    assert not [event for event in events if event["type"] in {"error", "warning"}]


async def test_a_turn_that_it_refuses_is_apologised_for_and_the_next_one_answered(
    server: Server,
) -> None:
    engine = OpenAI(model="locked-first", base_url=server.url, retries=0, stream="off")
    settings = {"agent": {"apology": "Sorry."}}
    events = await converse(engine, ["greeting", "greeting"], settings)
    (error,) = [event for event in events if event["type"] == "error"]
    assert (error["stage"], error["recovered"]) == ("stt", True)
    assert error["message"].startswith(f"{server.url} answered 401: ")
    done = [event["text"] for event in events if event["type"] == "assistant.done"]
    assert done == ["Sorry.", "Fine."]
    assert events[-1] == {"type": "session.ended", "reason": "finished"}
