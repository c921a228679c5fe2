"""A browser on a WebRTC call with a real server, for the tests."""

import fractions
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from numpy.typing import NDArray

from agent.agent import Agent
from agent.config.load import Config
from tests.agent.fakes import FakeLlm, FakeStt, FakeTts, FakeUtterance, LoudnessVad
from tests.agent.server.realtime.served import EVENTS
from tts import Speech

RATE, FRAME = 48000, 960
TONE = 300.0
"""Hz: Opus lets no constant through."""
TONES = (1.0, 1.5, 0.75, 2.0, 1.25)
"""Of it, one after the other, in who speaks."""


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
        tone = TONE * TONES[self._sent // 4 % len(TONES)]  # what stays the same is noise
        pcm = np.sin(2 * np.pi * tone * time) * (0.8 if loud else 1e-3)
        samples = (pcm * 32767).astype("<i2").reshape(1, -1)
        frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, self._sent * FRAME
        frame.time_base = fractions.Fraction(1, RATE)
        self._sent += 1
        return frame


class Browser:
    """The other side of a call: what it was told, and what it heard."""

    def __init__(
        self,
        stretches: Sequence[tuple[float, bool]] = (),
        *,
        channel: bool = True,
        beta: bool = False,
    ) -> None:
        self._beta = beta
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
        if not self._beta and not event["type"].startswith("parley."):
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
