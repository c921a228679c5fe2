"""OpenAI's client for Python: a turn by voice, speech, and a recording's words."""

import asyncio
import base64
import io
import json
import sys
import wave
from pathlib import Path

from microphone import Microphone
from openai import AsyncOpenAI

got = {"types": [], "words": "", "audio": 0}


async def talk(client: AsyncOpenAI, question: str) -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"transcription": {"model": "whisper-1"}}},
            }
        )

        async def hear(pcm: bytes) -> None:
            await connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())

        async with Microphone(question, hear) as microphone:
            microphone.ask()
            async for event in connection:
                got["types"].append(event.type)
                if event.type == "response.output_audio.delta":
                    got["audio"] += len(base64.b64decode(event.delta))
                elif event.type == "response.output_audio_transcript.delta":
                    got["words"] += event.delta
                elif event.type == "conversation.item.input_audio_transcription.completed":
                    got["heard"] = event.transcript
                elif event.type == "response.done":
                    got["status"] = event.response.status
                    break


async def speak_and_hear(client: AsyncOpenAI, question: str) -> None:
    speech = {"model": "tts-1", "voice": "alloy", "input": "What is the capital of France?"}
    mp3 = await client.audio.speech.create(**speech)
    got["mp3"] = len(mp3.content)
    async with client.audio.speech.with_streaming_response.create(
        **speech, response_format="pcm"
    ) as streamed:
        got["spoken"] = len(b"".join([piece async for piece in streamed.iter_bytes()])) / 48000
        got["request"] = streamed.request_id
    recording = ("question.wav", as_wav(question))
    heard = await client.audio.transcriptions.create(
        model="whisper-1", file=recording, response_format="verbose_json"
    )
    got["recognised"], got["seconds"] = heard.text, heard.duration
    events = await client.audio.transcriptions.create(
        model="gpt-4o-mini-transcribe", file=recording, stream=True
    )
    got["streamed"] = [event.model_dump() async for event in events]
    got["models"] = [model.id async for model in client.models.list()]


def as_wav(path: str) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(24000)
        sound.writeframes(Path(path).read_bytes())
    return file.getvalue()


async def main(address: str, key: str, question: str) -> None:
    async with AsyncOpenAI(base_url=f"http://{address}/v1", api_key=key, max_retries=0) as client:
        await talk(client, question)
        await speak_and_hear(client, question)
    print(json.dumps(got))


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 60))
