"""Sound that a client puts into items without its words."""

from typing import Any

import pytest
from trio.testing import MockClock

from agent.server.realtime import item_sound
from stt import SpeechToTextError
from tests.agent.fakes import FakeLlm, FakeStt
from tests.agent.server.realtime.served import an_agent, base64_of, connected, sound

pytestmark = pytest.mark.anyio
OF = "conversation.item.input_audio_transcription"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def spoken(seconds: float = 1.0, **fields: Any) -> dict[str, Any]:
    audio = base64_of(sound(seconds, loud=True) + sound(1, loud=False))
    part = {"type": "input_audio", "audio": audio}
    return {"type": "message", "role": "user", "content": [part], **fields}


async def test_the_recogniser_gives_its_words_before_it_is_answered() -> None:
    llm = FakeLlm([["Noon."]])
    stt = FakeStt(["what time is it"], delay=1.0)
    async with connected(an_agent(llm=llm, stt=stt)) as client:
        client.update(audio={"input": {"transcription": {"model": "x"}}})
        client.send("conversation.item.create", item=spoken(id="mine"))
        client.say("in Rome")
        client.send("response.create")
        assert client.types[-1] == "response.created"
        await client.until("response.done")
        client.send("conversation.item.retrieve", item_id="mine")
    completed = client.of(f"{OF}.completed")[0]
    assert (completed["item_id"], completed["transcript"]) == ("mine", "what time is it")
    assert completed["usage"]["seconds"] == 2
    added = client.of("conversation.item.added")[0]["item"]
    assert added["content"] == [{"type": "input_audio", "transcript": None}]
    kept = client.of("conversation.item.retrieved")[0]["item"]
    assert kept["content"][0]["transcript"] == "what time is it"
    assert [m.content for m in llm.asked[0][1:]] == ["what time is it in Rome"]


@pytest.mark.parametrize("conversation", ["auto", "none"])
async def test_the_input_of_one_response(conversation: str) -> None:
    llm = FakeLlm([["Noon."]])
    async with connected(an_agent(words=["what time is it"], llm=llm)) as client:
        response = {"conversation": conversation, "input": [spoken()]}
        client.send("response.create", response=response)
        done = await client.until("response.done")
    assert done["response"]["status"] == "completed"
    assert [m.content for m in llm.asked[0][1:]] == ["what time is it"]


async def test_a_failure_is_told_and_the_rest_is_answered() -> None:
    llm = FakeLlm([["Yes."]])
    async with connected(an_agent(words=[SpeechToTextError("no")], llm=llm)) as client:
        client.update(audio={"input": {"transcription": {"model": "x"}}})
        client.send("conversation.item.create", item=spoken())
        client.say("hello")
        client.send("response.create")
        await client.until("response.done")
    assert client.of(f"{OF}.failed")[0]["error"]["message"] == "no"
    assert [m.content for m in llm.asked[0][1:]] == ["hello"]


async def test_what_is_cancelled_or_deleted_while_it_is_recognised() -> None:
    llm = FakeLlm([["Yes."]])
    async with connected(an_agent(llm=llm, stt=FakeStt(["one"], delay=1.0))) as client:
        client.send("conversation.item.create", item=spoken(id="mine"))
        client.send("response.create")
        client.send("response.cancel")
        client.send("conversation.item.delete", item_id="mine")
        done = await client.until("response.done")
        assert done["response"]["status"] == "cancelled"
        client.say("two")
        client.send("response.create")
        await client.until("response.done", 2)
    assert [[m.content for m in asked[1:]] for asked in llm.asked] == [["two"]]


async def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_sound, "MAX_WAITING", 5.0)
    async with connected(an_agent(words=["one"])) as client:
        client.send("conversation.item.create", item=spoken(3))
        client.send("conversation.item.create", item=spoken(3, id="more"), event_id="more")
        error = (await client.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("rate_limit_exceeded", "more")
        for part in ({"audio": "no base64!"}, {"audio": "AAA="[:4] + "AAAA"}, {}):
            item = {**spoken(), "content": [{"type": "input_audio", **part}]}
            client.send("conversation.item.create", item=item)
        assert len(client.of("error")) == 4
        assert len(client.of("conversation.item.added")) == 1
