"""A call: the Realtime protocol on a WebRTC connection, events on a data channel, sound on tracks.

The agent's voice is paced here, so what was heard is known here: at a barge-in the queue is dropped
and the item cut by itself, and `output_audio_buffer.*` tells of what is played.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import anyio
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from anyio.abc import TaskStatus
from numpy.typing import NDArray

from agent.errors import ParleyError
from agent.events import Event, Report, nobody
from agent.guards.foreign import describe
from agent.server.errors import ApiError, ServerBusyError
from agent.server.realtime.beta import BetaShape
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.gathering import gather_at
from agent.server.realtime.items import new_id
from agent.server.realtime.media import Voice, listen, without_waiting
from agent.server.realtime.session import RealtimeSession
from agent.server.recording import recorded
from agent.server.server import Server

log = logging.getLogger("parley.server")

LARGEST = 60_000
"""Bytes of an event on a data channel: every client takes 64 KiB."""
LARGEST_TAKEN = 256 << 10
"""Bytes of a client's event."""
MAX_UNSENT = 4 << 20
"""Bytes that may wait for a client to take them."""
EARLY = 64
"""Events of a client that may wait for the session to begin."""
CANDIDATES = 32
"""Addresses of a client that are tried."""
CONNECT = 30.0
"""Seconds until an answered offer must have become a connection."""
ANSWER = 10.0
"""Seconds that an answer to an offer may take."""
FAREWELL = 5.0
"""Seconds that a reply has to end in when the server stops."""
_CANDIDATE = re.compile(r"^a=candidate:(?P<rest>.*)$", re.MULTILINE)


class Call:
    """One call, from its offer to its end; everything it holds is given back then."""

    def __init__(
        self, server: Server, *, session: Mapping[str, Any], model: str | None, beta: bool = False
    ) -> None:
        """`session` is what the session begins with; `beta`: the client says that it speaks it."""
        self.id = new_id("rtc")
        self._server = server
        self._voice = Voice()
        self._listeners: list[Callable[[dict[str, Any]], None]] = []
        self._channel: RTCDataChannel | None = None
        self._early: list[str] = []  # events, until there is a channel
        self._waiting: list[str | bytes] | None = []  # a client's, until the session has begun
        self._microphone: MediaStreamTrack | None = None
        self._connected = anyio.Event()
        self.over = anyio.Event()
        """Set when the call ends."""
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._report: Report = nobody
        self._shape = BetaShape(self._put, spoken=beta, session=dict(session))
        self.session = RealtimeSession(
            server.agent,
            self._send,
            model=model,
            session=self._shape.session,
            speaker=self._voice,
            report=self._tell,
            seconds=server.settings.session_minutes * 60,
        )

    def _tell(self, event: Event) -> None:
        self._report(event)

    def hang_up(self) -> None:
        """End the call."""
        self.over.set()
        self._connected.set()

    def watch(self, listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Have `listener` told of every event; the function returned ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def run(self, offer: str, *, task_status: TaskStatus[str]) -> None:
        """Answer an offer, and converse until one side ends the call.

        Started with the answer. Raises ApiError before that, and nothing afterwards.
        """
        rate, folder = self._server.agent.tts.sample_rate, self._server.settings.record
        with (
            self._server.session("call", speaks=True) as counted,
            recorded(folder, counted.id, rate, counted.report) as self.session.recording,
        ):
            self._report = counted.report
            try:
                answer = await self._answer(offer)
                task_status.started(answer)
                await self._converse(counted.ending)
            except Exception as error:
                if isinstance(error, ApiError):
                    raise
                log.exception("a call failed", extra={"session": self.session.id})
            finally:
                with anyio.CancelScope(shield=True), anyio.move_on_after(5):
                    self._voice.stop()
                    await self._peer.close()

    async def _answer(self, offer: str) -> str:
        """Return the answer to an offer. Raises ApiError."""
        peer = self._peer
        peer.on("track", self._on_track)
        peer.on("datachannel", self._on_channel)
        peer.on("connectionstatechange", self._on_state)
        settings = self._server.settings
        try:
            with anyio.fail_after(ANSWER):
                described = RTCSessionDescription(sdp=_bounded(offer), type="offer")
                await peer.setRemoteDescription(described)
                if self._microphone is not None:
                    peer.addTrack(self._voice)
                    for transceiver in peer.getTransceivers():
                        if transceiver.sender.track is self._voice:
                            without_waiting(transceiver.receiver)
                        else:
                            transceiver.direction = "inactive"
                    gather_at(peer, settings.ports, settings.webrtc_address)
                    await peer.setLocalDescription(await peer.createAnswer())
        except ParleyError as error:
            raise ServerBusyError(str(error)) from None
        except Exception as error:  # noqa: BLE001  (the package raises anything for what is no SDP)
            message = f"the offer is no SDP that can be answered ({describe(error):.200})"
            raise ApiError(message, code="invalid_offer") from None
        if self._microphone is None:
            raise ApiError("the offer has no audio", code="invalid_offer")
        return str(peer.localDescription.sdp)

    async def _converse(self, ending: anyio.Event) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._drain, ending)
            with anyio.move_on_after(CONNECT):
                await self._connected.wait()
            if not self._connected.is_set():
                log.warning(
                    "a call was answered, and never connected: a firewall, or a container without "
                    "server.webrtc_ports and server.webrtc_address?"
                )
            elif not self.over.is_set():
                tasks.start_soon(self._hear)
                tasks.start_soon(self._run_session)
                await self.over.wait()
            tasks.cancel_scope.cancel()

    async def _run_session(self) -> None:
        await self.session.run()
        self.hang_up()

    async def _hear(self) -> None:
        assert self._microphone is not None

        def hear(pcm: NDArray[np.int16], rate: int) -> None:
            with suppress(RealtimeError):  # so much waits already
                self.session.hear(pcm, rate)

        await listen(self._microphone, hear)
        self.hang_up()

    async def _drain(self, ending: anyio.Event) -> None:
        """The server stops: the reply that is being made may end."""
        await ending.wait()
        told = RealtimeError("the server is stopping: call again", code="server_stopping")
        told.kind = "server_error"
        self.session.refuse(told)
        with anyio.move_on_after(FAREWELL):
            await self.session.idle()
        self.hang_up()

    # What the peer connection tells: callbacks on the loop

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio" and self._microphone is None:
            self._microphone = track

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if self._channel is not None:
            return  # the first is the one, whatever it is called
        self._channel = channel
        channel.on("message", self._on_message)
        channel.on("close", self.hang_up)
        early, self._early = self._early, []
        for frame in early:
            channel.send(frame)
        self._connected.set()

    def _on_message(self, frame: str | bytes) -> None:
        if len(frame) > LARGEST_TAKEN:
            message = f"an event of more than {LARGEST_TAKEN >> 10} KiB"
            self.session.refuse(RealtimeError(message, code="event_too_large"))
        elif self._waiting is None:
            self._take(frame)
        elif len(self._waiting) < EARLY:
            self._waiting.append(frame)
        else:
            message = "too many events before session.created"
            self.session.refuse(RealtimeError(message, code="rate_limit_exceeded"))

    def _on_state(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self.hang_up()

    def _send(self, event: dict[str, Any]) -> None:
        if event["type"] == "response.output_audio.delta":
            return  # of an answer beside the conversation; sound has a track of its own
        for listener in tuple(self._listeners):
            listener(event)
        self._shape.send(event)
        if event["type"] == "session.created":
            waiting, self._waiting = self._waiting or [], None
            for each in waiting:
                self._take(each)

    def _take(self, frame: str | bytes) -> None:
        self.session.receive(frame, self._shape.event)

    def _put(self, event: Mapping[str, Any]) -> None:
        """Send an event in the client's own shape."""
        frame = fitting(event)
        channel = self._channel
        if channel is None:
            self._early.append(frame)
        elif channel.readyState == "open":
            channel.send(frame)
            if channel.bufferedAmount > MAX_UNSENT:
                log.warning("a call's client does not read", extra={"session": self.session.id})
                self.hang_up()


def fitting(event: Mapping[str, Any]) -> str:
    """Return an event as JSON that fits a data channel: without sound, long texts cut at need."""
    longest = LARGEST
    while True:
        frame = json.dumps(_cut(event, longest), ensure_ascii=False, separators=(",", ":"))
        if len(frame.encode()) <= LARGEST or longest < 16:
            return frame
        longest //= 2


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, Mapping):
        sounds = value.get("type") in ("input_audio", "output_audio", "audio")
        return {
            key: _cut(each, longest)
            for key, each in value.items()
            if not (sounds and key == "audio" and isinstance(each, str))
        }
    if isinstance(value, list | tuple):
        return [_cut(each, longest) for each in value]
    if isinstance(value, str) and len(value) > longest:
        return f"{value[:longest]} …"
    return value


def _bounded(offer: str) -> str:
    """The offer with so many addresses at most, none of which has to be looked up.

    A browser hides its own behind names that only multicast resolves; it reaches us all the same.
    """
    count = 0

    def keep(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        fields = found["rest"].split()
        hidden = len(fields) > 4 and fields[4].endswith(".local")
        return "" if hidden or count > CANDIDATES else found[0]

    kept = _CANDIDATE.sub(keep, offer.replace("\r\n", "\n"))
    return "\r\n".join(line for line in kept.split("\n") if line) + "\r\n"
