"""Calls: the Realtime protocol on WebRTC, with aiortc as the browser."""

import json
import threading

import anyio
import anyio.to_thread
import pytest
from websockets.asyncio.client import connect

from agent.server.realtime import frames
from agent.server.realtime.client_events import AnyEvent
from agent.server.realtime.frames import Translate
from agent.server.realtime.webrtc import LARGEST, fitting
from tests.agent.server.realtime.browser import SDP, Browser, an_agent, calling, post
from tests.agent.server.realtime.served import STORY, serving, until

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_turn_is_spoken_and_answered() -> None:
    agent = an_agent([["It is ", "noon ", "now."]], ["what time is it"])
    async with (
        serving(agent) as address,
        calling(address, [(0.3, False), (0.6, True)], path="/v1/realtime?model=x") as (
            caller,
            where,
        ),
    ):
        assert caller.tracks == 1, "there is a track before anything is said"
        assert where.startswith("/v1/realtime/calls/rtc_")
        created = caller.events[0]
        assert created["type"] == "session.created"
        assert created["session"]["model"] == "x"
        caller.microphone.speaking.set()
        await caller.until("output_audio_buffer.stopped")
        kinds = [each for each in caller.types if "delta" not in each]
        expected = [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "response.created",
            "output_audio_buffer.started",
            "output_audio_buffer.stopped",
        ]
        assert [each for each in kinds if each in expected] == expected
        assert "response.output_audio.delta" not in caller.types
        words = [e["delta"] for e in caller.events if e["type"].endswith("transcript.delta")]
        assert "".join(words) == "It is noon now."
        assert caller.sounding == pytest.approx(4 * 0.2, abs=0.1)
        assert caller.blocks > 30, "silence is sent too"


async def test_what_a_client_sends_at_once_waits_for_the_session() -> None:
    async with serving(an_agent()) as address:
        browser = Browser()
        assert browser.channel is not None
        session = {"type": "realtime", "instructions": "Sing."}

        def update() -> None:
            for _ in range(3):
                browser.send("session.update", session=session)

        browser.channel.on("open", update)
        offer = await browser.offer()
        answer = await post(address, "/v1/realtime/calls", headers=SDP, content=offer)
        await browser.answered(answer.text)
        await browser.until("session.updated", 3)
        assert browser.types == ["session.created", *["session.updated"] * 3]
        await browser.peer.close()


async def test_a_barge_in_cuts_by_itself() -> None:
    agent = an_agent([STORY, ["Sorry."]], ["tell me a story", "no stop it please"])
    async with (
        serving(agent) as address,
        calling(address, [(0.1, False), (0.6, True), (2.0, False), (0.8, True)]) as (caller, _),
    ):
        caller.microphone.speaking.set()
        started = await caller.until("output_audio_buffer.started")
        cleared = await caller.until("output_audio_buffer.cleared")
        assert cleared["response_id"] == started["response_id"]
        done = await caller.until("response.done")
        item_id = done["response"]["output"][0]["id"]
        truncated = await caller.until("conversation.item.truncated")
        assert truncated["item_id"] == item_id
        assert 500 < truncated["audio_end_ms"] < 3600
        await caller.until("response.done", 2)
        assert caller.sounding < 3.5, "of four seconds"
        caller.send("conversation.item.retrieve", item_id=item_id)
        item = (await caller.until("conversation.item.retrieved"))["item"]
        heard = item["content"][0]["transcript"].split()
        assert 0 < len(heard) < 18
        assert item["status"] == "incomplete"


async def test_an_interruption_by_the_client() -> None:
    """As the JavaScript SDK's `interrupt()` does it."""
    async with serving(an_agent([STORY])) as address, calling(address) as (caller, _):
        caller.send("output_audio_buffer.clear")
        await caller.until("output_audio_buffer.cleared")  # nothing is no error
        caller.send("response.create")
        await caller.until("output_audio_buffer.started")
        await anyio.sleep(0.5)
        caller.send("response.cancel", event_id="e1")
        caller.send("output_audio_buffer.clear")
        await caller.until("output_audio_buffer.cleared", 2)
        sounding = caller.sounding
        await anyio.sleep(0.5)
        assert caller.sounding - sounding < 0.2
        assert caller.sounding < 1.5
        errors = [e["error"]["code"] for e in caller.events if e["type"] == "error"]
        assert set(errors) <= {"response_cancel_not_active"}


async def test_a_side_channel_sees_and_does_everything() -> None:
    async with (
        serving(an_agent([["Hello ", "there."]])) as address,
        calling(address) as (caller, at),
    ):
        query = f"call_id={at.rpartition('/')[2]}"
        async with connect(f"ws://{address}/v1/realtime?{query}") as socket:
            assert json.loads(await socket.recv())["type"] == "session.created"
            await socket.send(json.dumps({"type": "response.create"}))
            kinds = [json.loads(await socket.recv())["type"]]
            while kinds[-1] != "output_audio_buffer.stopped":
                kinds.append(json.loads(await socket.recv())["type"])
            await caller.until("output_audio_buffer.stopped")
            assert "response.output_audio_transcript.delta" in kinds
        caller.send("response.create")  # the call goes on
        await caller.until("response.created", 2)
        async with connect(f"ws://{address}/v1/realtime?{query}") as socket:
            await post(address, f"{at}/hangup")
            with anyio.fail_after(5):
                async for _ in socket:
                    pass


async def test_a_side_channel_of_the_beta() -> None:
    """It says so, or sends a flat session; what the call's own client is told stays as it is."""
    async with (
        serving(an_agent([["Hello ", "there."]])) as address,
        calling(address) as (caller, at),
    ):
        url = f"ws://{address}/v1/realtime?call_id={at.rpartition('/')[2]}"
        beta = {"OpenAI-Beta": "realtime=v1"}
        async with connect(url, additional_headers=beta) as told, connect(url) as flat:
            assert "modalities" in json.loads(await told.recv())["session"]
            assert "output_modalities" in json.loads(await flat.recv())["session"]
            session = {"modalities": ["audio", "text"], "voice": "alloy"}
            await flat.send(json.dumps({"type": "session.update", "session": session}))
            await flat.send(json.dumps({"type": "response.create"}))
            for socket in (told, flat):
                assert (await until(socket, "session.updated"))["session"]["voice"] == "alloy"
                await until(socket, "response.audio_transcript.delta")
                done = await until(socket, "response.done")
                assert done["response"]["output"][0]["content"][0]["type"] == "audio"
        await caller.until("response.done")
        assert "response.output_audio_transcript.delta" in caller.types


async def test_a_side_channel_sends_large_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read in a thread, as those of a WebSocket's session are."""
    threads: set[int] = set()

    def read_event(frame: str | bytes, translate: Translate) -> AnyEvent:
        threads.add(threading.get_ident())
        return read(frame, translate)

    read = frames.read_event
    monkeypatch.setattr(frames, "read_event", read_event)
    async with serving(an_agent()) as address, calling(address) as (caller, at):
        url = f"ws://{address}/v1/realtime?call_id={at.rpartition('/')[2]}"
        async with connect(url) as socket:
            text = "a" * 500_000
            content = [{"type": "input_text", "text": text}]
            item = {"type": "message", "role": "user", "content": content}
            await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            assert (await until(socket, "conversation.item.added"))["item"]["content"] == content
        await caller.until("conversation.item.added")
    assert threads
    assert threading.get_ident() not in threads


def test_an_event_fits_a_data_channel() -> None:
    sound = {"type": "output_audio", "audio": "A" * 200_000, "transcript": "Hello"}
    event = {"type": "conversation.item.retrieved", "item": {"content": [sound]}}
    assert json.loads(fitting(event))["item"]["content"] == [
        {"type": "output_audio", "transcript": "Hello"}
    ]
    event = {"type": "session.updated", "session": {"instructions": "ä" * 100_000, "tools": [7]}}
    frame = fitting(event)
    assert len(frame.encode()) <= LARGEST
    assert json.loads(frame)["session"]["tools"] == [7]
