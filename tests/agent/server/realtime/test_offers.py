"""Offers of WebRTC: what is answered and refused, and what a call gives back."""

import gc
import json
import os
import threading
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import pytest
from aiortc import RTCPeerConnection
from aiortc.rtp import RtpPacket
from openai import AsyncOpenAI

from agent.server.realtime import webrtc
from agent.server.realtime.media import _BUFFER, Unbuffered, without_waiting
from tests.agent.server.realtime.browser import (
    SDP,
    Browser,
    an_agent,
    calling,
    post,
)
from tests.agent.server.realtime.served import serving

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_openais_client_offers_with_a_session() -> None:
    async with serving(an_agent([["Hello."]])) as address:
        browser = Browser()
        client = AsyncOpenAI(api_key="any", base_url=f"http://{address}/v1", max_retries=0)
        try:
            answer = await client.realtime.calls.create(
                sdp=await browser.offer(),
                session={"type": "realtime", "instructions": "Be brief.", "model": "gpt-realtime"},
            )
            await browser.answered(answer.text)
            session = (await browser.until("session.created"))["session"]
            assert session["instructions"] == "Be brief."
            call_id = answer.response.headers["location"].rpartition("/")[2]
            await client.realtime.calls.hangup(call_id)
            with anyio.fail_after(5):
                while browser.peer.connectionState != "closed":  # noqa: ASYNC110  (it has no event)
                    await anyio.sleep(0.02)
        finally:
            await client.close()
            await browser.peer.close()


async def test_a_short_lived_key_brings_its_session() -> None:
    key = "a-key-of-twenty-letters"
    async with serving(an_agent(), keys=(key,)) as address:
        refused = await post(address, "/v1/realtime/calls", headers=SDP, content="v=0")
        assert refused.status_code == 401
        session = {"type": "realtime", "instructions": "Sing."}
        headers = {"authorization": f"Bearer {key}"}
        path = "/v1/realtime/client_secrets"
        secret = (await post(address, path, headers=headers, json={"session": session})).json()
        headers = {"authorization": f"Bearer {secret['value']}", **SDP}
        async with calling(address, headers=headers) as (caller, _):
            assert caller.events[0]["session"]["instructions"] == "Sing."


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ("", "application/sdp", 400),
        ("hello", "application/sdp", 400),
        ("v=0\r\nnonsense", "application/sdp", 400),
        ("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", "application/sdp", 400),
        ("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "application/sdp", 400),
        ("v=0" + "x" * 300_000, "application/sdp", 413),
        ("{}", "application/json", 415),
        ("--x\r\n", "multipart/form-data; boundary=x", 400),
        ("", "multipart/form-data", 400),
    ],
)
async def test_what_is_no_offer_is_refused(content: str, kind: str, status: int) -> None:
    async with serving(an_agent()) as address:
        headers = {"content-type": kind}
        answer = await post(address, "/v1/realtime/calls", headers=headers, content=content)
        assert answer.status_code == status, answer.text
        assert answer.json()["error"]["message"]


async def test_a_session_that_is_none_is_refused() -> None:
    async with serving(an_agent()) as address:
        for session in ("[]", "{", '{"audio": 7}', '{"type": "transcription"}'):
            files = {"sdp": (None, "v=0", "application/sdp"), "session": (None, session)}
            answer = await post(address, "/v1/realtime/calls", files=files)
            assert answer.status_code == 400, session
            assert answer.json()["error"]["message"]
        assert (await post(address, "/v1/realtime/calls/none/hangup")).status_code == 404


async def test_one_call_too_many_is_told_that_the_server_is_busy() -> None:
    async with serving(an_agent(), sessions=1) as address, calling(address):
        other = Browser()
        answer = await post(address, "/v1/realtime/calls", headers=SDP, content=await other.offer())
        await other.peer.close()
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "server_busy"
        assert "retry-after" in answer.headers


async def test_an_offer_that_nobody_follows_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc, "CONNECT", 0.3)
    async with serving(an_agent(), sessions=1) as address:
        for _ in range(2):
            silent = Browser()
            offer = await silent.offer()
            answer = await post(address, "/v1/realtime/calls", headers=SDP, content=offer)
            assert answer.status_code == 201
            await silent.peer.close()
            await anyio.sleep(0.8)


async def test_everything_is_given_back() -> None:
    async def calls(address: str, count: int) -> tuple[int, int]:
        for _ in range(count):
            async with calling(address):
                pass
        with anyio.fail_after(10):
            while json.loads((await post_get(address)).text)["sessions"]:  # noqa: ASYNC110
                await anyio.sleep(0.05)
        gc.collect()
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    async with serving(an_agent()) as address:
        before = await calls(address, 3)
        after = await calls(address, 10)
        assert after[0] <= before[0] + 2
        assert after[1] <= before[1] + 4  # the pool that encodes


async def post_get(address: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://{address}/readyz")


async def test_ports_and_address_can_be_chosen() -> None:
    settings: dict[str, Any] = {"webrtc_ports": "42600-42620", "webrtc_address": "203.0.113.7"}
    async with serving(an_agent(), **settings) as address:
        browser = Browser()
        offer = await browser.offer()
        answer = await post(address, "/v1/realtime/calls", headers=SDP, content=offer)
        await browser.peer.close()
        candidates = [line.split() for line in answer.text.splitlines() if "a=candidate" in line]
        assert candidates
        assert all(42600 <= int(each[5]) <= 42620 for each in candidates)
        assert "203.0.113.7" in {each[4] for each in candidates}
        assert "127.0.0.1" in {each[4] for each in candidates}


async def test_nothing_is_waited_for() -> None:
    """Not for what is lost or late; numbers begin anew after 65535."""
    peer = RTCPeerConnection()
    receiver = peer.addTransceiver("audio").receiver
    without_waiting(receiver)
    assert isinstance(getattr(receiver, _BUFFER), Unbuffered), "aiortc has it elsewhere now"
    buffer = Unbuffered()
    given = []
    for number in (65533, 65534, 1, 65535, 2, 2, 3):
        packet = RtpPacket(payload_type=96, sequence_number=number, timestamp=number)
        packet._data = b"x"  # type: ignore[attr-defined]
        _, frame = buffer.add(packet)
        given.append(frame is not None)
    assert given == [True, True, True, False, True, False, True]
    await peer.close()


async def test_an_offer_with_a_session_of_the_beta() -> None:
    async with serving(an_agent([["Hello."]])) as address:
        session = {"modalities": ["audio", "text"], "instructions": "Sing.", "voice": "alloy"}
        browser = Browser(beta=True)
        try:
            parts = {
                "sdp": (None, await browser.offer(), "application/sdp"),
                "session": (None, json.dumps(session), "application/json"),
            }
            answer = await post(address, "/v1/realtime/calls", files=parts)
            await browser.answered(answer.text)
            created = (await browser.until("session.created"))["session"]
            assert (created["instructions"], created["voice"]) == ("Sing.", "alloy")
            assert created["modalities"] == ["audio", "text"]
            browser.send("response.create")
            await browser.until("response.audio_transcript.delta")
        finally:
            await browser.peer.close()
