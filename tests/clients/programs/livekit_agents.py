"""LiveKit's agent session on OpenAI Realtime, and its plugins for speech and its recognition."""

import asyncio
import json
import sys
import time
from pathlib import Path

from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool, utils
from livekit.agents.voice import io
from livekit.plugins import openai
from microphone import Microphone

got = {"countries": [], "heard": [], "errors": [], "audio": 0.0, "interrupted": []}


class Guide(Agent):
    @function_tool
    async def capital_of(self, country: str) -> str:
        """Look up the capital of a country."""
        got["countries"].append(country)
        return "Paris"


class Ear(io.AudioInput):
    def __init__(self):
        super().__init__(label="microphone")
        self.pieces = asyncio.Queue()

    async def hear(self, pcm: bytes) -> None:
        await self.pieces.put(rtc.AudioFrame(pcm, 24000, 1, len(pcm) // 2))

    async def __anext__(self) -> rtc.AudioFrame:
        return await self.pieces.get()


class Mouth(io.AudioOutput):
    """Plays in real time what comes faster."""

    def __init__(self):
        super().__init__(
            label="speaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=24000
        )
        self.began = 0.0
        self.length = 0.0
        self.end = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self.length:
            self.began = time.time()
            self.on_playback_started(created_at=self.began)
        self.length += frame.duration
        got["audio"] += frame.duration

    def flush(self) -> None:
        super().flush()
        if self.length and self.end is None:
            left = self.began + self.length - time.time()
            self.end = asyncio.get_running_loop().call_later(left, self.over, False)

    def clear_buffer(self) -> None:
        if self.length:
            self.over(True)

    def over(self, interrupted: bool) -> None:
        if self.end is not None:
            self.end.cancel()
        played = min(self.length, time.time() - self.began)
        self.length, self.end = 0.0, None
        self.on_playback_finished(playback_position=played, interrupted=interrupted)


async def talk(address: str, key: str, question: str) -> None:
    model = openai.realtime.RealtimeModel(base_url=f"ws://{address}/v1", api_key=key)
    session = AgentSession(llm=model)
    ear, mouth = Ear(), Mouth()
    session.input.audio, session.output.audio = ear, mouth
    told = asyncio.Event()

    @session.on("user_input_transcribed")
    def transcribed(event):
        if event.is_final:
            got["heard"].append(event.transcript)

    @session.on("conversation_item_added")
    def added(event):
        if event.item.type == "message" and event.item.role == "assistant":
            if event.item.interrupted:
                got["interrupted"].append(event.item.text_content)
            if event.item.text_content == "It is Paris.":
                told.set()

    @session.on("error")
    def error(event):
        got["errors"].append(str(event.error))

    await session.start(Guide(instructions="Be brief."))
    async with Microphone(question, ear.hear) as microphone:
        microphone.ask()
        await told.wait()
        got["seconds"] = got["audio"]
        told.clear()
        session.generate_reply(user_input="tell me a story")
        await asyncio.sleep(2)
        microphone.ask()
        await told.wait()
    got["history"] = session.history.to_dict()["items"]
    await session.aclose()


async def speak_and_hear(address: str, key: str, question: str) -> None:
    options = {"base_url": f"http://{address}/v1", "api_key": key}
    async with utils.http_context.open():
        speech = openai.TTS(voice="alloy", **options)
        async with speech.synthesize("Good morning to you.") as stream:
            spoken = [event.frame async for event in stream]
        got["spoken"] = sum(frame.duration for frame in spoken)
        pcm = read(question)
        frame = rtc.AudioFrame(pcm, 24000, 1, len(pcm) // 2)
        recognised = await openai.STT(**options).recognize(frame)
        got["recognised"] = recognised.alternatives[0].text
        stream = openai.STT(use_realtime=True, **options).stream()
        async with Microphone(question, lambda pcm: push(stream, pcm)) as microphone:
            microphone.ask()
            async for event in stream:
                if event.type == "final_transcript":
                    got["streamed"] = event.alternatives[0].text
                    break
        await stream.aclose()


def read(path: str) -> bytes:
    return Path(path).read_bytes()


async def push(stream, pcm: bytes) -> None:
    stream.push_frame(rtc.AudioFrame(pcm, 24000, 1, len(pcm) // 2))


async def main(*arguments: str) -> None:
    await asyncio.wait_for(talk(*arguments), 30)
    await asyncio.wait_for(speak_and_hear(*arguments), 30)
    print(json.dumps(got))


asyncio.run(main(*sys.argv[1:]))
