"""Clients that still speak the beta: on a WebSocket, on a call, and where keys are given out."""

import base64
import json
from typing import Any

import httpx2
import pytest

from agent.server.realtime.beta import BetaShape
from tests.agent.server.realtime.served import an_agent, base64_of, raw, serving, sound, until

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_session_of_the_beta() -> None:
    async with serving(an_agent([["Yes."]])) as address:
        headers = {"OpenAI-Beta": "realtime=v1"}
        async with raw(address, "?model=old", additional_headers=headers) as socket:
            created = await until(socket, "session.created")
            assert created["session"]["modalities"] == ["audio", "text"]
            session = {
                "modalities": ["text", "audio"],
                "voice": "alloy",
                "input_audio_format": "g711_ulaw",
                "output_audio_format": "pcm16",
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 200},
                "temperature": 0.8,
            }
            await socket.send(json.dumps({"type": "session.update", "session": session}))
            updated = (await until(socket, "session.updated"))["session"]
            assert updated["input_audio_format"] == "g711_ulaw"
            assert updated["turn_detection"]["silence_duration_ms"] == 200
            content = [{"type": "input_text", "text": "hello"}]
            item = {"type": "message", "role": "user", "content": content}
            await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            await until(socket, "conversation.item.created")
            await socket.send(json.dumps({"type": "response.create"}))
            await until(socket, "response.audio_transcript.delta")
            await until(socket, "response.audio.delta")
            done = await until(socket, "response.done")
            assert done["response"]["output"][0]["content"][0]["type"] == "audio"


async def test_a_flat_session_is_the_beta_without_its_header() -> None:
    async with serving(an_agent([["Yes."]])) as address, raw(address) as socket:
        session = {"modalities": ["text", "audio"], "instructions": "Be brief.", "voice": "alloy"}
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        updated = (await until(socket, "session.updated"))["session"]
        assert (updated["instructions"], updated["voice"]) == ("Be brief.", "alloy")
        assert updated["modalities"] == ["audio", "text"]
        await socket.send(json.dumps({"type": "response.create"}))
        await until(socket, "response.audio.delta")
        done = await until(socket, "response.done")
        assert done["response"]["output"][0]["content"][0]["type"] == "audio"


async def test_who_speaks_todays_shape_is_not_taken_for_the_beta() -> None:
    async with serving(an_agent([["Yes."]])) as address, raw(address) as socket:
        session = {"type": "realtime", "voice": "alloy", "turn_detection": None}
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        assert "audio" in (await until(socket, "session.updated"))["session"]
        await socket.send(json.dumps({"type": "response.create"}))
        await until(socket, "response.output_audio.delta")


async def test_a_transcription_session_of_the_beta() -> None:
    async with serving(an_agent([], ["what time is it"])) as address:
        headers = {"OpenAI-Beta": "realtime=v1"}
        query = "?intent=transcription"
        async with raw(address, query, additional_headers=headers) as socket:
            await until(socket, "transcription_session.created")
            session = {
                "input_audio_format": "pcm16",
                "input_audio_transcription": {"model": "whisper-1"},
                "input_audio_noise_reduction": {"type": "near_field"},
                "turn_detection": None,
            }
            update = {"type": "transcription_session.update", "session": session}
            await socket.send(json.dumps(update))
            updated = (await until(socket, "transcription_session.updated"))["session"]
            assert {key: updated[key] for key in session} == session
            audio = base64_of(sound(1, loud=True))
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
            await socket.send(json.dumps({"type": "input_audio_buffer.commit"}))
            of = "conversation.item.input_audio_transcription"
            assert (await until(socket, f"{of}.completed"))["transcript"] == "what time is it"


async def test_a_response_of_the_beta_has_a_voice_and_a_format_of_its_own() -> None:
    async with serving(an_agent([["Yes."]])) as address:
        headers = {"OpenAI-Beta": "realtime=v1"}
        async with raw(address, additional_headers=headers) as socket:
            wanted = {"modalities": ["audio", "text"], "output_audio_format": "g711_alaw"}
            response = {**wanted, "voice": "verse"}
            await socket.send(json.dumps({"type": "response.create", "response": response}))
            created = (await until(socket, "response.created"))["response"]
            assert {key: created[key] for key in response} == response
            length = 0
            while (event := json.loads(await socket.recv()))["type"] != "response.done":
                if event["type"] == "response.audio.delta":
                    length += len(base64.b64decode(event["delta"]))
            assert length == pytest.approx(0.2 * 8000, abs=2)


@pytest.mark.parametrize("path", ["sessions", "transcription_sessions"])
async def test_a_key_of_the_beta(path: str) -> None:
    async with serving(an_agent([["Yes."]]), keys=("a-key-of-twenty-letters",)) as address:
        headers = {"authorization": "Bearer a-key-of-twenty-letters"}
        body = {"input_audio_format": "g711_ulaw", "input_audio_transcription": {"model": "x"}}
        async with httpx2.AsyncClient(base_url=f"http://{address}/v1/realtime/") as client:
            answer = await client.post(path, json=body, headers=headers)
            assert (await client.post(path, json=body)).status_code == 401
        assert answer.status_code == 200
        secret = answer.json()["client_secret"]
        assert secret["value"].startswith("ek_")
        assert secret["expires_at"] > 0
        offered = ["realtime", f"openai-insecure-api-key.{secret['value']}"]
        offered.append("openai-beta.realtime-v1")
        created = "session.created"
        if path == "transcription_sessions":
            created = "transcription_session.created"
        async with raw(address, subprotocols=offered) as socket:
            session = (await until(socket, created))["session"]
        assert session["input_audio_format"] == "g711_ulaw"
        assert session["input_audio_transcription"] == {"model": "x"}


def test_a_flat_session_brought_along_is_translated_before_it_is_used() -> None:
    """As a call's form or a short-lived key has it."""
    told: list[Any] = []
    shape = BetaShape(told.append, spoken=False, session={"voice": "alloy", "modalities": ["text"]})
    assert shape.session == {
        "output_modalities": ["text"],
        "audio": {"output": {"voice": "alloy"}},
    }
    shape.send({"type": "response.output_text.delta", "delta": "Yes."})
    assert told == [{"type": "response.text.delta", "delta": "Yes."}]
