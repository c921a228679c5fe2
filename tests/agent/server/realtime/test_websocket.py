"""The Realtime protocol on a real server's WebSocket: OpenAI's own client, and raw frames."""

import base64
import json

import anyio
import pytest
from openai import AsyncOpenAI
from websockets.exceptions import InvalidStatus

from tests.agent.fakes import FakeLlm
from tests.agent.server.realtime.served import an_agent, base64_of, raw, serving, sound, until

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]

KEY = "a-key-of-twenty-letters"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def openai(address: str, key: str = "any") -> AsyncOpenAI:
    return AsyncOpenAI(api_key=key, base_url=f"http://{address}/v1", max_retries=0)


async def test_openais_client_speaks_and_is_answered() -> None:
    agent = an_agent([["It is ", "noon."]], ["what time is it"])
    async with (
        serving(agent) as address,
        openai(address) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        await connection.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"transcription": {"model": "whisper-1"}}},
            }
        )
        for loud in (False, True, False):
            for _ in range(25):
                audio = base64_of(sound(0.02, loud=loud))
                await connection.input_audio_buffer.append(audio=audio)
        types, heard, words = [], b"", ""
        async for event in connection:
            types.append(event.type)
            if event.type == "session.created":
                assert event.session.model == "gpt-realtime"  # type: ignore[union-attr]
            elif event.type == "response.output_audio.delta":
                heard += base64.b64decode(event.delta)
            elif event.type == "response.output_audio_transcript.delta":
                words += event.delta
            elif event.type == "response.done":
                break
        assert types[:2] == ["session.created", "session.updated"]
        assert words == "It is noon."
        assert len(heard) == pytest.approx(3 * 0.2 * 48000, abs=4)
        assert "conversation.item.input_audio_transcription.completed" in types


async def test_keys() -> None:
    async with serving(an_agent([["Yes."]]), keys=(KEY,)) as address:
        with pytest.raises(InvalidStatus) as refused:
            async with raw(address):
                pass
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body or b"")["error"]["code"] == "invalid_api_key"
        offered = ["realtime", f"openai-insecure-api-key.{KEY}", "openai-agents-sdk.0.20.0"]
        async with raw(address, subprotocols=offered) as socket:
            assert socket.subprotocol == "realtime"
            await until(socket, "session.created")
        async with openai(address, KEY) as client:
            secret = await client.realtime.client_secrets.create(
                expires_after={"anchor": "created_at", "seconds": 60},
                session={"type": "realtime", "instructions": "Be a parrot."},
            )
        assert secret.value.startswith("ek_")
        assert secret.session.instructions == "Be a parrot."  # type: ignore[union-attr]
        async with (
            openai(address, secret.value) as client,
            client.realtime.connect(model="x") as connection,
        ):
            created = await connection.recv()
            assert created.session.instructions == "Be a parrot."  # type: ignore[union-attr]


async def test_fifteen_mebibytes_in_one_event() -> None:
    agent = an_agent([["Yes."]], ["a long one"])
    async with serving(agent) as address, raw(address) as socket:
        await until(socket, "session.created")
        session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        audio = base64_of(bytes(15 << 20))
        for event in (
            {"type": "input_audio_buffer.append", "audio": audio},
            {"type": "input_audio_buffer.commit"},
            {"type": "response.create"},
        ):
            await socket.send(json.dumps(event))
        assert (await until(socket, "response.done"))["response"]["status"] == "completed"
        too_much = {"type": "input_audio_buffer.append", "event_id": "big"}
        await socket.send(json.dumps({**too_much, "audio": base64_of(bytes((15 << 20) + 3))}))
        error = (await until(socket, "error"))["error"]
        assert (error["event_id"], error["param"]) == ("big", "audio")


async def test_a_full_server_says_so_and_disturbs_nobody() -> None:
    async with serving(an_agent([["Yes."]]), sessions=1) as address, raw(address) as socket:
        await until(socket, "session.created")
        with pytest.raises(InvalidStatus) as refused:
            async with raw(address):
                pass
        response = refused.value.response
        assert response.status_code == 503
        assert "Retry-After" in response.headers
        assert json.loads(response.body or b"")["error"]["code"] == "server_busy"
        await socket.send(json.dumps({"type": "response.create"}))
        await until(socket, "response.done")


async def test_conversations_side_by_side() -> None:
    agent = an_agent(llm=FakeLlm([["Yes."]] * 20))
    async with serving(agent) as address, anyio.create_task_group() as tasks:

        async def talk() -> None:
            async with raw(address) as socket:
                await socket.send(json.dumps({"type": "response.create"}))
                done = await until(socket, "response.done")
                assert done["response"]["status"] == "completed"

        for _ in range(20):
            tasks.start_soon(talk)


async def test_frames_that_are_no_events() -> None:
    async with serving(an_agent([["Yes."]])) as address, raw(address) as socket:
        for frame in ("", "no json", "[1]", "null", b"\x00\xff", "[" * 100_000, '{"type": 7}'):
            await socket.send(frame)
            assert (await until(socket, "error"))["error"]["type"] == "invalid_request_error"
        await socket.send(json.dumps({"type": "response.create"}))
        assert (await until(socket, "response.done"))["response"]["status"] == "completed"
