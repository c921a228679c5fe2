"""Calls: the Realtime protocol on WebRTC, with aiortc as the browser."""

import fractions
import gc
import json
import os
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket
from av import AudioFrame
from numpy.typing import NDArray
from openai import AsyncOpenAI
from websockets.asyncio.client import connect

from agent.agent import Agent
from agent.config.load import Config
from agent.server.realtime import webrtc
from agent.server.realtime.media import _BUFFER, Unbuffered, without_waiting
from agent.server.realtime.webrtc import LARGEST, fitting
from tests.agent.fakes import FakeLlm, FakeStt, FakeTts, FakeUtterance, LoudnessVad
from tests.agent.server.realtime.served import EVENTS, STORY, serving
from tts import Speech

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]

RATE, FRAME = 48000, 960
TONE = 300.0
"""Hz: Opus lets no constant through."""


class Vad(LoudnessVad):
    """Loud is voice, by its power."""

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        return await super().feed(np.abs(pcm))


class Tts(FakeTts):
    """A voice that hums: a word is 0.2 s."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[FakeUtterance, None]:
        async with super().open() as utterance:

            async def hum(words: AsyncGenerator[Speech, None]) -> AsyncGenerator[Speech, None]:
                async for speech in words:
                    time = np.arange(len(speech.pcm), dtype=np.float32) / self.sample_rate
                    yield Speech(speech.pcm * np.sin(2 * np.pi * TONE * time), speech.words)

            words = utterance.speech
            utterance.speech = hum(words)
            async with aclosing(utterance.speech):
                yield utterance
            utterance.speech = words


def an_agent(replies: Sequence[Any] = (), words: Sequence[Any] = ()) -> Agent:
    stt, llm = FakeStt(list(words)), FakeLlm(list(replies))
    return Agent(Config(echo="off"), stt=stt, llm=llm, tts=Tts(), vad=Vad())


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Microphone(MediaStreamTrack):
    """What the user says: stretches of (seconds, loud), then silence."""

    kind = "audio"

    def __init__(self, stretches: Sequence[tuple[float, bool]] = ()) -> None:
        super().__init__()
        self._levels = [loud for seconds, loud in stretches for _ in range(round(seconds / 0.02))]
        self._sent = 0
        self._began = 0.0
        self.speaking = anyio.Event()
        """Set: the stretches begin now."""

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        self._began = self._began or anyio.current_time()
        await anyio.sleep_until(self._began + self._sent * 0.02)
        loud = self.speaking.is_set() and bool(self._levels) and self._levels.pop(0)
        time = np.arange(self._sent * FRAME, (self._sent + 1) * FRAME) / RATE
        pcm = np.sin(2 * np.pi * TONE * time) * (0.8 if loud else 1e-3)
        samples = (pcm * 32767).astype("<i2").reshape(1, -1)
        frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, self._sent * FRAME
        frame.time_base = fractions.Fraction(1, RATE)
        self._sent += 1
        return frame


class Browser:
    """The other side of a call: what it was told, and what it heard."""

    def __init__(
        self, stretches: Sequence[tuple[float, bool]] = (), *, channel: bool = True
    ) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone(stretches)
        self.peer.addTrack(self.microphone)
        self.events: list[dict[str, Any]] = []
        self.sounding = 0.0
        self.blocks = 0
        self.tracks = 0
        self._news = anyio.Event()
        self.opened = anyio.Event()
        self.channel = self.peer.createDataChannel("oai-events") if channel else None
        if self.channel is not None:
            self.channel.on("message", self._on_message)
            self.channel.on("open", self.opened.set)
        self.heard: MediaStreamTrack | None = None
        self.peer.on("track", self._on_track)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self.tracks += 1
        self.heard = track

    def _on_message(self, message: str) -> None:
        assert len(message.encode()) < 65536
        event = json.loads(message)
        if not event["type"].startswith("parley."):
            EVENTS.validate_python(event)
        self.events.append(event)
        self._news.set()
        self._news = anyio.Event()

    async def listen(self) -> None:
        assert self.heard is not None
        while True:
            try:
                frame = await self.heard.recv()
            except MediaStreamError:
                return
            self.blocks += 1
            assert isinstance(frame, AudioFrame)
            if np.abs(frame.to_ndarray()).max() > 1000:
                self.sounding += frame.samples / frame.sample_rate

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def send(self, kind: str, **fields: Any) -> None:
        assert self.channel is not None
        self.channel.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind: str, count: int = 1) -> dict[str, Any]:
        while self.types.count(kind) < count:
            await self._news.wait()
        return [event for event in self.events if event["type"] == kind][count - 1]

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def answered(self, answer: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))


async def post(address: str, path: str, **options: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        return await client.post(f"http://{address}{path}", **options)


SDP = {"content-type": "application/sdp"}


@asynccontextmanager
async def calling(
    address: str,
    stretches: Sequence[tuple[float, bool]] = (),
    *,
    path: str = "/v1/realtime/calls",
    **options: Any,
) -> AsyncGenerator[tuple[Browser, str]]:
    """A call, and its Location."""
    browser = Browser(stretches)
    try:
        options = options or {"headers": SDP}
        if "files" not in options:
            options["content"] = await browser.offer()
        response = await post(address, path, **options)
        assert response.status_code == 201, response.text
        assert response.headers["content-type"] == "application/sdp"
        await browser.answered(response.text)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(browser.listen)
            await browser.until("session.created")
            yield browser, response.headers["location"]
            tasks.cancel_scope.cancel()
    finally:
        await browser.peer.close()


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
