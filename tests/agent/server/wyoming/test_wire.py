"""Who does not keep to the protocol, or takes its time, holds up nobody but themselves."""

import json
from contextlib import suppress

import anyio
import pytest
from anyio.abc import SocketStream
from wyoming.asr import Transcript
from wyoming.tts import Synthesize

from agent.server.wyoming import listening, wire
from tests.agent.fakes import FakeTts
from tests.agent.server.wyoming.conftest import Serving, ask, client
from tests.agent.server.wyoming.test_connection import sound

pytestmark = pytest.mark.anyio


async def all_that_comes(stream: SocketStream) -> bytes:
    """What the server says until it closes the connection."""
    came = b""
    with anyio.fail_after(10):
        while True:
            try:
                came += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return came


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\n",
        b"[1, 2]\n",
        b"[" * 60_000 + b"\n",
        b"x" * 200_000,
        b'{"type": "describe", "data_length": 300000}\n',
        b'{"type": "audio-chunk", "payload_length": 99999999999}\n',
        b'{"type": "audio-chunk", "payload_length": -1}\n',
        b'{"type": "audio-chunk", "payload_length": 1e3}\n',
        b'{"type": "audio-chunk", "payload_length": true}\n',
        b'{"type": "audio-chunk", "data_length": "7"}\n',
    ],
)
async def test_what_is_no_protocol_is_an_error_and_the_end(serving: Serving, sent: bytes) -> None:
    async with serving(["hello"]) as port:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(sent)
            came = await all_that_comes(stream)
            # What was not read any more may take the answer with it (RST).
            assert not came or b'"code": "bad_protocol"' in came
        async with client(port) as home:
            (event,) = await ask(home, *sound(0.5), until="transcript")
            assert Transcript.from_event(event).text == "hello"


@pytest.mark.parametrize(
    "sent",
    [
        b'{"data": {}}\n',
        b'{"type": 7}\n',
        b'{"type": "synthesize", "data": [1]}\n',
        b'{"type": "synthesize", "data_length": 3}\n{] ',
        b'{"type": "synthesize", "data_length": 2}\n[]',
    ],
)
async def test_one_event_that_is_none_is_an_error_and_no_end(serving: Serving, sent: bytes) -> None:
    async with serving() as port, await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(sent)
        await stream.send(b'{"type": "ping"}\n')
        await stream.send_eof()
        came = await all_that_comes(stream)
    assert b'"type": "error"' in came
    assert b'"type": "pong"' in came


async def test_data_on_the_line_and_below_it_are_one(serving: Serving) -> None:
    async with serving() as port, await anyio.connect_tcp("127.0.0.1", port) as stream:
        below = json.dumps({"text": "below"}).encode()
        line = {
            "type": "ping",
            "data": {"text": "above"},
            "data_length": len(below),
            "version": "1",
        }
        await stream.send(json.dumps(line).encode() + b"\n" + below)
        await stream.send_eof()
        assert b"below" in await all_that_comes(stream)


async def test_who_does_not_take_what_it_asked_for_is_left(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "TAKEN", 0.3)

    async def flood(slow: SocketStream) -> None:
        data = json.dumps({"text": "word " * 3000}).encode()
        event = b'{"type": "synthesize", "data_length": %d}\n' % len(data) + data
        with suppress(anyio.BrokenResourceError):  # it ends, because the connection does
            while True:
                await slow.send(event)

    with anyio.fail_after(10):
        async with (
            serving() as port,
            await anyio.connect_tcp("127.0.0.1", port) as slow,
            anyio.create_task_group() as tasks,
            client(port) as home,
        ):
            tasks.start_soon(flood, slow)
            events = await ask(home, Synthesize("Hello there"), until="audio-stop")
            assert events[-1].type == "audio-stop", "others are served meanwhile"


async def test_who_stops_in_the_middle_of_an_event_is_left(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "REST", 0.1)
    async with serving() as port, await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(b'{"type": "audio-chunk", "payload_length": 100}\nabc')
        assert b"bad_protocol" in await all_that_comes(stream)


async def test_who_says_nothing_is_left(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "IDLE", 0.1)
    async with serving() as port, await anyio.connect_tcp("127.0.0.1", port) as stream:
        assert b"bad_protocol" in await all_that_comes(stream)


async def test_who_vanishes_leaves_nothing_behind(serving: Serving) -> None:
    async with serving(tts=FakeTts(delay=0.01)) as port:
        for _ in range(50):
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                await stream.send(b'{"type": "synthesize", "data": {"text": "one two three"}}\n')
        async with client(port) as home:
            events = await ask(home, Synthesize("Hello there"), until="audio-stop")
            assert events[-1].type == "audio-stop"


async def test_one_connection_too_many_is_closed(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "CONNECTIONS", 1)
    async with serving(["hello"]) as port, client(port) as home:
        (event,) = await ask(home, *sound(0.5), until="transcript")
        assert Transcript.from_event(event).text == "hello"
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            assert await all_that_comes(stream) == b""
