"""Past the voice's capacity: who comes is told at once, on every way in; who talks goes on."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest
from websockets.exceptions import InvalidStatus
from wyoming.asr import Transcribe
from wyoming.audio import AudioStop
from wyoming.tts import Synthesize

from agent.agent import Agent
from agent.config.load import Config
from agent.server.running import Place, running
from agent.server.server import Server
from agent.server.wyoming.listening import listening
from tests.agent.fakes import FakeLlm, FakeStt, FakeTts, FakeUtterance, LoudnessVad
from tests.agent.server.http import post
from tests.agent.server.realtime.browser import SDP, Browser
from tests.agent.server.realtime.served import STORY, raw, until
from tests.agent.server.wyoming.conftest import ask, client
from tests.tts.dia2.serving.utterances import checkpoint
from tts import Occupancy

pytestmark = pytest.mark.anyio


class OneAtATime(FakeTts):
    """A voice with one slot."""

    def __init__(self) -> None:
        super().__init__()
        self.slot = anyio.CapacityLimiter(1)

    def occupancy(self) -> Occupancy:
        return Occupancy(1, self.slot.borrowed_tokens, self.slot.statistics().tasks_waiting)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[FakeUtterance, None]:
        async with self.slot, super().open() as utterance:
            yield utterance


async def test_who_comes_while_all_slots_speak_is_told_at_once() -> None:
    llm = FakeLlm([STORY, ["Yes."]], between=0.2)  # as slow as it is spoken: four seconds
    agent = Agent(Config(), stt=FakeStt([""]), llm=llm, tts=OneAtATime(), vad=LoudnessVad())
    server = Server(agent)
    await server.load()
    with anyio.fail_after(60):
        async with (
            running(server, Place(port=0)) as address,
            listening(server, "127.0.0.1", 0) as wyoming,
            raw(host := address.removeprefix("http://").rstrip("/")) as talking,
        ):
            await talking.send(json.dumps({"type": "response.create"}))
            await until(talking, "response.output_audio.delta")
            await refused_everywhere(address, host, wyoming)
            done = (await until(talking, "response.done"))["response"]
            assert done["status"] == "completed"
            assert done["output"][0]["content"][0]["transcript"] == "".join(STORY)
            async with raw(host) as socket:  # and now there is room
                await until(socket, "session.created")
    refused = server.metrics.registry.get_sample_value
    assert refused("parley_sessions_refused_total", {"reason": "server_busy"}) == 5


async def refused_everywhere(address: str, host: str, wyoming: int) -> None:
    began = anyio.current_time()
    with pytest.raises(InvalidStatus) as denied:
        async with raw(host):
            pass
    denial = denied.value.response
    told(denial.status_code, denial.headers, bytes(denial.body or b""), 503)
    browser = Browser()
    offer = (await browser.offer()).encode()
    told(*await post(f"{address}v1/realtime/calls", offer, SDP), 503)
    await browser.peer.close()
    told(*await post(f"{address}v1/audio/speech", {"input": "Hello."}), 429)
    async with openai.AsyncOpenAI(base_url=f"{address}v1", api_key="none", max_retries=0) as stock:
        with pytest.raises(openai.RateLimitError, match="try again in 5 s"):
            await stock.audio.speech.create(model="any", voice="any", input="Hello.")
    async with client(wyoming) as home:
        (error,) = await ask(home, Synthesize("Hello."), until="error")
    assert error.data["code"] == "server_busy"
    assert "try again in 5 s" in error.data["text"]
    async with raw(host, "?intent=transcription") as socket:  # who needs no voice comes in
        await until(socket, "session.created")
    async with client(wyoming) as home:
        (event,) = await ask(home, Transcribe(), AudioStop(), until="transcript")
        assert event.data["text"] == ""
    assert anyio.current_time() - began < 3


def told(status: int, headers: Any, body: bytes, expected: int) -> None:
    error = json.loads(body)["error"]
    assert (status, error["code"], error["type"]) == (expected, "server_busy", "server_error")
    assert headers["retry-after"] == "5"


async def test_a_dia2_with_one_slot(tmp_path: Path) -> None:
    """A script that is being rendered has it: speech and a second script are told to wait."""
    section = {"engine": "dia2", "model": str(checkpoint(tmp_path)), "slots": 1}
    server = Server(Agent(Config.model_validate({"tts": section})))
    await server.load()
    answers: list[int] = []
    try:
        with anyio.fail_after(60):
            async with running(server, Place(port=0)) as address:

                async def render() -> None:
                    script = {"script": "[S1] One two three four five six. " * 6, "seed": 1}
                    answers.append((await post(f"{address}studio/render", script))[0])

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(render)
                    while not server.agent.tts.occupancy().speaking:  # noqa: ASYNC110  (no event)
                        await anyio.sleep(0.01)
                    for path, body in (
                        ("v1/audio/speech", {"input": "Hello."}),
                        ("studio/render", {"script": "[S1] Hello."}),
                    ):
                        told(*await post(f"{address}{path}", body), 429)
    finally:
        await server.aclose()
    assert answers == [200]
