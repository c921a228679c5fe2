"""An agent session of LiveKit's with Parley's ears and voice in it: a story, cut off by voice."""

import asyncio
import json
import sys
import time
from pathlib import Path

from livekit import rtc
from livekit.agents import Agent, AgentSession, llm
from livekit.agents.voice import io
from livekit.agents.voice.transcription import TranscriptSynchronizer
from microphone import Microphone

from agent.plugins.livekit import Dia2TTS, ParleySTT, ParleyTurnDetector, ParleyVAD

STORY = ", ".join(["one two three four five six seven eight nine ten"] * 4)

QUESTION = Path(sys.argv[2]).read_bytes()

got = {"user": [], "interim": 0, "assistant": [], "interrupted": [], "errors": []}


class Storyteller(llm.LLM):
    """A language model: it tells a story, and then the capital."""

    def __init__(self):
        super().__init__()
        self.replies = 0

    def chat(self, *, chat_ctx, tools=None, conn_options=None, **_):
        return Telling(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class Telling(llm.LLMStream):
    async def _run(self):
        said = [m for m in self._chat_ctx.messages() if m.role == "user"]
        words = STORY if len(said) == 1 else "The capital is Paris."
        for number, word in enumerate(words.split()):
            delta = llm.ChoiceDelta(role="assistant", content=f"{word} ")
            self._event_ch.send_nowait(llm.ChatChunk(id=str(number), delta=delta))
            await asyncio.sleep(0.1)


class Ear(io.AudioInput):
    def __init__(self):
        super().__init__(label="microphone")
        self.pieces = asyncio.Queue()

    async def hear(self, pcm):
        await self.pieces.put(rtc.AudioFrame(pcm, 24000, 1, len(pcm) // 2))

    async def __anext__(self):
        return await self.pieces.get()


class Paper(io.TextOutput):
    """Where the words are shown when they are heard: nowhere."""

    def __init__(self):
        super().__init__(label="paper", next_in_chain=None)

    async def capture_text(self, text):
        pass

    def flush(self):
        pass


class Mouth(io.AudioOutput):
    """Plays in real time what comes faster."""

    def __init__(self):
        capabilities = io.AudioOutputCapabilities(pause=False)
        super().__init__(label="speaker", capabilities=capabilities, sample_rate=24000)
        self.began = self.length = 0.0
        self.end = None
        self.two_seconds = asyncio.Event()

    async def capture_frame(self, frame):
        await super().capture_frame(frame)
        if not self.length:
            self.began = time.time()
            self.on_playback_started(created_at=self.began)
            asyncio.get_running_loop().call_later(2, self.two_seconds.set)
        self.length += frame.duration

    def flush(self):
        super().flush()
        if self.length and self.end is None:
            left = self.began + self.length - time.time()
            self.end = asyncio.get_running_loop().call_later(left, self.over, False)

    def clear_buffer(self):
        if self.length:
            self.over(True)

    def over(self, interrupted):
        if self.end is not None:
            self.end.cancel()
        played = min(self.length, time.time() - self.began)
        self.length, self.end = 0.0, None
        if interrupted:
            got["heard"] = played
        self.on_playback_finished(playback_position=played, interrupted=interrupted)


async def main(engine, question):
    tts, stt = Dia2TTS(json.loads(engine)), ParleySTT("pocketsphinx")
    await tts.load()
    await stt.load()
    session = AgentSession(
        stt=stt,
        tts=tts,
        vad=ParleyVAD(),
        llm=Storyteller(),
        turn_detection="stt",
        use_tts_aligned_transcript=True,
        aec_warmup_duration=None,  # there is no echo here, and it would be deaf for 3 s
    )
    ear, mouth = Ear(), Mouth()
    both = TranscriptSynchronizer(next_in_chain_audio=mouth, next_in_chain_text=Paper())
    session.input.audio = ear
    session.output.audio, session.output.transcription = both.audio_output, both.text_output
    told = asyncio.Event()

    @session.on("user_input_transcribed")
    def transcribed(event):
        if event.is_final:
            got["user"].append(event.transcript)
        else:
            got["interim"] += 1

    @session.on("conversation_item_added")
    def added(event):
        if event.item.type == "message" and event.item.role == "assistant":
            got["assistant"].append(event.item.text_content)
            got["interrupted"].append(event.item.interrupted)
            if not event.item.interrupted:
                told.set()

    @session.on("error")
    def error(event):
        got["errors"].append(str(event.error))

    await session.start(Agent(instructions="Be brief."))
    async with Microphone(question, ear.hear) as microphone:
        microphone.ask()
        await mouth.two_seconds.wait()
        microphone.ask()
        await told.wait()
    await session.aclose()
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="what is the capital of france")
    got["finished"] = await ParleyTurnDetector().predict_end_of_turn(context)
    vad = ParleyVAD().stream()
    pcm = QUESTION + bytes(48000)
    vad.push_frame(rtc.AudioFrame(pcm, 24000, 1, len(pcm) // 2))
    vad.end_input()
    got["vad"] = [e.type.value for e in [e async for e in vad] if e.type.value != "inference_done"]
    print(json.dumps(got))


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 45))
