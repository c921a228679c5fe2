"""Sound that a client puts into items without its words."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.server.realtime import item_sound
from stt import SpeechToTextError, Transcript
from tests.agent.fakes import FakeLlm, FakeRecognition, FakeStt
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


class TwoVoices(FakeStt):
    """Takes a second for each utterance: the user asks, and what is in items, softer, is Rome."""

    def __init__(self) -> None:
        super().__init__([], delay=1.0)

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[FakeRecognition]:
        self.texts.append("what time is it")
        yield Softness(self)


class Softness(FakeRecognition):
    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        if 0.3 < pcm.max(initial=0) < 0.45:
            self._texts = "Rome"
        return await super().feed(pcm)


async def spoken_during(seconds: int) -> tuple[str, float]:
    """What the model is asked after a turn that ended while so much sound of an item was left.

    And the seconds that it took to be answered.
    """
    llm = FakeLlm([["Noon."]])
    async with connected(an_agent(llm=llm, stt=TwoVoices())) as client:
        soft = np.full(24000, 13000, "<i2").tobytes()
        audio = base64_of((soft + sound(1, loud=False)) * seconds)
        item = {**spoken(), "content": [{"type": "input_audio", "audio": audio}]}
        client.send("conversation.item.create", item=item)
        await client.speak((0.3, False), (0.5, True), (1.5, False))
        began = anyio.current_time()
        await client.until("response.done")
        assert len(llm.asked) == 1
        return llm.asked[0][-1].content, anyio.current_time() - began


async def test_a_turn_that_ends_meanwhile_is_answered_with_its_words() -> None:
    asked, _ = await spoken_during(5)
    assert asked == "Rome Rome Rome Rome Rome what time is it"


async def test_a_turn_waits_only_so_long() -> None:
    asked, waited = await spoken_during(30)
    assert asked == "what time is it"
    assert waited < 10


async def test_what_is_written_in_a_pause_is_known_to_the_answer() -> None:
    """The reply that was prepared in the pause did not know it."""
    llm = FakeLlm([["Noon."], ["One."]])
    async with connected(an_agent(llm=llm, words=["what time is it"])) as client:
        client.update(audio={"input": {"turn_detection": {"type": "server_vad"}}})
        await client.speak((0.3, False), (0.5, True), (0.3, False))
        assert len(llm.asked) == 1
        client.say("in Rome")
        await client.speak((1.5, False))
        await client.until("response.done")
    assert [m.content for m in llm.asked[-1][1:]] == ["in Rome what time is it"]


async def test_an_item_that_goes_while_a_response_waits_is_that_responses_error() -> None:
    async with connected(an_agent(stt=FakeStt(["one"], delay=1.0))) as client:
        client.say("two", id="two")
        client.send("conversation.item.create", item=spoken())
        reference = [{"type": "item_reference", "id": "two"}]
        client.send("response.create", response={"input": reference}, event_id="mine")
        client.send("conversation.item.delete", item_id="two")
        error = (await client.until("error"))["error"]
        assert (error["param"], error["event_id"]) == ("response.input", "mine")
        await client.until("response.done")


async def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_sound, "MAX_WAITING", 5 * 48000)
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
