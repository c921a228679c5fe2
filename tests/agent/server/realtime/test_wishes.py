"""What a session and a single response ask for: tools, voice, speed, length."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from trio.testing import MockClock

from llm_adapters import ToolCall
from tests.agent.fakes import FakeLlm, FakeTts
from tests.agent.server.realtime.served import STORY, an_agent, connected
from tts import TextToSpeechError

pytestmark = pytest.mark.anyio

TOOLS = [{"type": "function", "name": name} for name in ("lamp", "door")]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class Voices(FakeTts):
    """Speaks in any voice that is asked for by a name of its own."""

    def __init__(self, asked: list[str]) -> None:
        super().__init__()
        self.asked = asked
        self.voices: Sequence[str] = ("joe", "amy")

    def in_voice(self, name: str) -> "Voices":
        if name not in self.voices:
            raise TextToSpeechError(f"there is no {name}")
        self.asked.append(name)
        return self


def names(llm: FakeLlm) -> list[list[str]]:
    return [[spec.name for spec in offered] for offered in llm.offered]


@pytest.mark.parametrize(
    ("choice", "offered"),
    [("none", []), ({"type": "function", "name": "door"}, ["door"]), ("auto", ["lamp", "door"])],
)
@pytest.mark.parametrize("of_the_session", [True, False])
async def test_a_choice_of_tools(choice: Any, offered: list[str], *, of_the_session: bool) -> None:
    """It was the session's for asked responses alone: a turn was answered with all of them."""
    llm = FakeLlm([["Done."], ["Done."]])
    async with connected(an_agent(words=["light"], llm=llm)) as client:
        client.update(tools=TOOLS)
        if of_the_session:
            client.update(tool_choice=choice)
            await client.speak((0.5, False), (0.5, True), (2, False))
        else:
            client.send("response.create", response={"tool_choice": choice})
        await client.until("response.done")
    assert names(llm)[0] == offered


async def test_a_required_call_is_demanded_twice() -> None:
    """The words of a model that only talks wait; after a second time they are its answer."""
    call = ToolCall("call-1", "lamp", "{}")
    llm = FakeLlm([["I will."], ["Here: ", call], ["No."], ["I only talk."], ["Fine."]])
    async with connected(an_agent(llm=llm)) as client:
        client.update(tools=TOOLS, tool_choice="required", instructions="Be brief.")
        client.say("light")
        client.send("response.create")
        first = (await client.until("response.done"))["response"]
        assert [item["type"] for item in first["output"]] == ["message", "function_call"]
        assert first["output"][0]["content"][0]["transcript"] == "Here: "
        client.send("response.create")
        second = (await client.until("response.done", 2))["response"]
        assert second["output"][0]["content"][0]["transcript"] == "I only talk."
        client.send("response.create", response={"tool_choice": "auto"})
        await client.until("response.done", 3)
    told = [[message.role for message in asked].count("system") for asked in llm.asked]
    assert told == [1] * 5
    demands = ["has to be a call" in asked[0].content for asked in llm.asked]
    assert demands == [True, True, True, True, False]
    assert ["no words at all" in asked[0].content for asked in llm.asked[:2]] == [False, True]
    assert "Be brief." in llm.asked[0][0].content


async def test_a_function_that_is_not_there_cannot_be_chosen() -> None:
    async with connected(an_agent()) as client:
        client.update(tools=TOOLS)
        choice = {"type": "function", "name": "window"}
        client.send("response.create", event_id="e", response={"tool_choice": choice})
        error = (await client.until("error"))["error"]
    assert (error["code"], error["param"]) == ("invalid_value", "response.tool_choice")
    assert error["event_id"] == "e"


async def test_the_voice_and_the_format_of_one_response() -> None:
    """One that names only a voice had the format of nobody; and the voice was not used."""
    asked: list[str] = []
    agent = an_agent([["Yes."]] * 3)
    agent.tts._tts = Voices(asked)
    async with connected(agent) as client:
        client.update(audio={"output": {"format": {"type": "audio/pcmu"}, "voice": "joe"}})
        client.send("response.create", response={"audio": {"output": {"voice": "amy"}}})
        response = (await client.until("response.done"))["response"]
        output = {"format": {"type": "audio/pcmu"}, "voice": "amy"}
        assert response["audio"]["output"] == output
        sizes = [len(event["delta"]) for event in client.of("response.output_audio.delta")]
        assert sum(sizes) * 3 // 4 == pytest.approx(0.2 * 8000, abs=4)
        assert asked[-1] == "amy"
        client.send("response.create")
        assert (await client.until("response.done", 2))["response"]["audio"]["output"] == {
            **output,
            "voice": "joe",
        }


async def test_one_response_may_be_longer_than_the_session_has_them() -> None:
    async with connected(an_agent([STORY, STORY])) as client:
        client.update(max_output_tokens=3)
        client.send("response.create")
        assert (await client.until("response.done"))["response"]["status"] == "incomplete"
        client.send("response.create", response={"max_output_tokens": "inf"})
        assert (await client.until("response.done", 2))["response"]["status"] == "completed"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("speed", [1.5, 0.5])
async def test_speed(speed: float) -> None:
    """Faster or slower, and what was heard is reckoned in the time of what is heard."""
    llm = FakeLlm([STORY, ["Yes."]])
    async with connected(an_agent(llm=llm)) as client:
        client.update(audio={"output": {"speed": speed}})
        client.say("a story")
        client.send("response.create")
        item = (await client.until("response.done"))["response"]["output"][0]
        deltas = (event["delta"] for event in client.of("response.output_audio.delta"))
        heard = np.frombuffer(b"".join(map(base64.b64decode, deltas)), "<i2")
        assert len(heard) / 24000 == pytest.approx(4 / speed, abs=0.1)
        end = round(1000 * 10.5 * 0.2 / speed)  # in the eleventh word
        truncate = {"item_id": item["id"], "content_index": 0, "audio_end_ms": end}
        client.send("conversation.item.truncate", **truncate)
        client.send("conversation.item.retrieve", item_id=item["id"])
        kept = (await client.until("conversation.item.retrieved"))["item"]
        words = kept["content"][0]["transcript"].split()
        assert len(words) in (10, 11)
