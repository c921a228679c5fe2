"""How a connection ends when its client reads nothing, says nothing or vanishes, or we stop."""

import json

import anyio
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agent.config.sections import ServerSettings
from agent.server.realtime import websocket
from agent.server.security import Keys
from agent.server.server import Server
from tests.agent.fakes import FakeLlm
from tests.agent.server.realtime.served import (
    STORY,
    an_agent,
    base64_of,
    raw,
    run,
    serving,
    sound,
    until,
)

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_clients_that_vanish_leave_room() -> None:
    """In the middle of an answer, and of their own speech."""
    agent = an_agent(llm=FakeLlm([STORY] * 30, between=0.05), words=["hello"] * 30)
    async with serving(agent, sessions=1) as address:
        left = 10
        while left:
            try:
                async with raw(address) as socket:
                    await until(socket, "session.created")
                    audio = base64_of(sound(1, loud=True))
                    append = {"type": "input_audio_buffer.append", "audio": audio}
                    await socket.send(json.dumps(append))
                    await socket.send(json.dumps({"type": "response.create"}))
                    await until(socket, "response.created")
                    socket.transport.abort()
                left -= 1
            except InvalidStatus:
                await anyio.sleep(0.02)  # it takes a moment to be noticed


async def test_an_idle_client_is_told_and_left() -> None:
    async with serving(an_agent(), idle_minutes=0.005) as address, raw(address) as socket:
        error = (await until(socket, "error"))["error"]
        assert error["code"] == "session_expired"
        with pytest.raises(ConnectionClosed):
            await until(socket, "nothing")


async def test_a_client_that_stops_reading_is_left_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waits for it is bounded, and its place is free again."""
    monkeypatch.setattr(websocket, "STALLED", 0.5)
    outboxes: list[websocket.Outbox] = []

    class Watched(websocket.Outbox):
        def __init__(self) -> None:
            super().__init__()
            self.most = 0
            outboxes.append(self)

        def close(self) -> None:
            self.most = self.frames.statistics().current_buffer_used
            super().close()

    monkeypatch.setattr(websocket, "Outbox", Watched)
    async with serving(an_agent([["Yes."]]), sessions=1) as address:
        async with raw(address, max_queue=1) as socket:
            await until(socket, "session.created")
            content = [{"type": "input_text", "text": "x" * 900_000}]
            item = {"id": "long", "type": "message", "role": "user", "content": content}
            await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            retrieve = json.dumps({"type": "conversation.item.retrieve", "item_id": "long"})
            with anyio.move_on_after(5):
                for _ in range(100):  # 90 MB
                    await socket.send(retrieve)
                await outboxes[0].overflown.wait()
            assert outboxes[0].overflown.is_set()
            while True:
                try:
                    async with raw(address) as other:
                        await until(other, "session.created")
                    break
                except InvalidStatus:
                    await anyio.sleep(0.05)
            with pytest.raises(ConnectionClosed):
                await until(socket, "nothing")
            assert (socket.close_code, socket.close_reason) == (1008, "too slow to read")
        assert outboxes[0].most * 900_000 <= websocket.MAX_UNSENT + 2_000_000  # type: ignore[attr-defined]


async def test_a_server_that_stops_says_so_and_lets_a_reply_end() -> None:
    server = Server(
        an_agent(llm=FakeLlm([["One ", "two ", "three."]], between=0.2)), Keys(()), ServerSettings()
    )
    async with run(server) as address, raw(address) as socket:
        await until(socket, "session.created")
        await socket.send(json.dumps({"type": "response.create"}))
        await until(socket, "response.created")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.drain, 6.0)
            error = (await until(socket, "error"))["error"]
            assert (error["code"], error["type"]) == ("server_stopping", "server_error")
            done = await until(socket, "response.done")
            assert done["response"]["status"] == "completed"
            with pytest.raises(ConnectionClosed):
                await until(socket, "nothing")
        assert socket.close_code == 1001
        assert socket.close_reason == "the server is stopping"
