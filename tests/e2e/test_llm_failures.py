"""A language model that fails ends a turn, never the session: a real server, the real client."""

import socket
from typing import Any

import anyio
import numpy as np
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.config.load import Config
from agent.events import Audio, Event
from llm_adapters.openai.adapter import OpenAI
from tests.agent.fakes import TTS_RATE, FakeStt, FakeTts, LoudnessVad
from tests.llm_adapters.chat_server import serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Real servers take real time; the adapter itself is tested on both backends."""
    return "asyncio"


async def ask_twice(bad: str, url: str, bad_url: str | None = None) -> list[dict[str, Any]]:
    """The events of a session whose first turn meets a bad model and whose second a good one."""

    class Turns(OpenAI):
        """One server for the first turn, another for what follows."""

        async def load(self) -> None:
            self.good = OpenAI(model="good", base_url=url)
            await super().load()
            await self.good.load()

        async def aclose(self) -> None:
            await super().aclose()
            await self.good.aclose()

        def reply(self, messages: Any, tools: Any = ()) -> Any:
            turns = [message.content for message in messages if message.role == "user"]
            if "two" in turns[-1]:
                return self.good.reply(messages, tools)
            return super().reply(messages, tools)

    async def microphone(
        _: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        due = anyio.current_time()

        async def sound(level: float) -> None:
            """20 ms, when they are over."""
            nonlocal due
            due += 0.02
            await anyio.sleep_until(due)
            await send.send(Audio(np.full(320, level, np.float32), 16000))

        for turn in (1, 2):
            for loud in [True] * 10 + [False] * 30:
                await sound(0.5 if loud else 0.0)
            while not done(turn):  # the scenario: the user waits for the answer
                await sound(0.0)

    def done(turn: int) -> bool:
        return any(e["type"] == "assistant.done" and e["turn"] == turn for e in events)

    async def nowhere(_pcm: NDArray[np.float32], _when: float) -> None:
        """No sound card."""

    events: list[dict[str, Any]] = []

    def report(event: Event) -> None:
        events.append(event.record())

    llm = Turns(
        model=bad, base_url=bad_url or url, retries=0, first_token_timeout=0.3, token_timeout=0.3
    )
    settings = Config.model_validate(
        # There is no room between this speaker and this microphone.
        {"echo": "off", "turn": {"silence": 0.2}, "agent": {"apology": "Sorry."}}
    )
    stt, tts, vad = FakeStt(["one", "two"]), FakeTts(), LoudnessVad()
    async with Agent.open(settings, stt=stt, llm=llm, tts=tts, vad=vad) as agent:
        with anyio.fail_after(20):
            await agent.converse(microphone, PacedSpeaker(TTS_RATE, nowhere), report)
    return events


@pytest.mark.parametrize(
    ("model", "said", "message"),
    [
        ("silent", "Sorry.", "within 0.3 s"),
        ("web-page", "Sorry.", "web page"),
        ("empty", "Sorry.", "empty reply"),
        ("drops-midway", "Once upon … Sorry.", ""),
        ("wrong-key", "Sorry.", "key"),
    ],
)
async def test_a_failing_model(model: str, said: str, message: str) -> None:
    with serving() as server:
        events = await ask_twice(model, server.url)
    check(events, said, message)


async def test_nobody_answers() -> None:
    with serving() as server, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, so that nobody else gets it, but not listening
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        events = await ask_twice("good", server.url, url)
    check(events, "Sorry.", "nothing answers")


def check(events: list[dict[str, Any]], said: str, message: str) -> None:
    (error,) = [event for event in events if event["type"] == "error"]
    assert error["stage"] == "llm"
    assert error["recovered"] is True
    assert message in error["message"]
    assert "\n" not in error["message"]
    done = [event["text"] for event in events if event["type"] == "assistant.done"]
    assert done == [said, "Grüß dich, world."]
    assert events[-1] == {"type": "session.ended", "reason": "finished"}
