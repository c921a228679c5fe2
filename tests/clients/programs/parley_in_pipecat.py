"""A pipeline of Pipecat's with Parley's ears and voice in it: a story, cut off by voice."""

import asyncio
import json
import sys
import time

from loguru import logger
from microphone import Microphone
from pipecat.frames.frames import (
    ErrorFrame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from agent.plugins.pipecat import Dia2TTSService, ParleySTTService

STORY = ", ".join(["one two three four five six seven eight nine ten"] * 4)

got = {"errors": [], "heard_words": [], "partials": [], "starts": [], "speaking": []}


class Storyteller(FrameProcessor):
    """A language model: it tells a story that has no sentences, and then the capital."""

    def __init__(self):
        super().__init__()
        self.replies = 0

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        self.replies += 1
        words = STORY if self.replies == 1 else "The capital is Paris."
        await self.push_frame(LLMFullResponseStartFrame())
        for word in words.split():
            await self.push_frame(LLMTextFrame(f"{word} "))
            await asyncio.sleep(0.25)
        await self.push_frame(LLMFullResponseEndFrame())


class Speaker(BaseOutputTransport):
    """Plays in real time, and counts what was heard until it was first cut short."""

    def __init__(self, rate):
        super().__init__(TransportParams(audio_out_enabled=True, audio_out_sample_rate=rate))
        self.heard = 0.0
        self.end = 0.0

    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame) and self.heard and "heard" not in got:
            got["heard"] = self.heard

    async def write_audio_frame(self, frame):
        seconds = frame.num_frames / frame.sample_rate
        now = time.monotonic()
        late = now - self.end > 0.2  # a device has so much in hand; after that it begins anew
        self.end = (now if late else self.end) + seconds
        await asyncio.sleep(max(0.0, self.end - time.monotonic()))
        self.heard += seconds
        return True


class Watching(BaseObserver):
    """Notes what the services push, each frame once."""

    def __init__(self, tts, stt):
        super().__init__()
        self.tts, self.stt = tts, stt
        self.news = asyncio.Event()
        self.made = 0.0

    async def on_push_frame(self, data):
        frame = data.frame
        if isinstance(frame, ErrorFrame) and data.source in (self.tts, self.stt):
            got["errors"].append(frame.error)
        elif data.source is self.stt and data.direction is FrameDirection.DOWNSTREAM:
            if isinstance(frame, TranscriptionFrame):
                got["heard_words"].append(frame.text)
            elif isinstance(frame, InterimTranscriptionFrame):
                got["partials"].append(frame.text)
        elif data.source is self.tts and isinstance(frame, TTSAudioRawFrame):
            if "heard" not in got:
                starts = [self.made + word.start / frame.sample_rate for word in frame.words]
                got["starts"] += starts
            self.made += frame.num_frames / frame.sample_rate
        self.news.set()

    async def until(self, condition):
        while not condition():
            self.news.clear()
            await self.news.wait()


async def main(engine: str, question: str, rate: str) -> None:
    tts, stt = Dia2TTSService(json.loads(engine)), ParleySTTService("pocketsphinx")
    await tts.load()
    await stt.load()
    interrupted = tts.on_audio_context_interrupted

    async def cut(context_id):
        await interrupted(context_id)
        got["speaking"].append(tts.occupied())

    tts.on_audio_context_interrupted = cut
    watching, speaker = Watching(tts, stt), Speaker(int(rate))
    context = LLMContext()
    user, assistant = LLMContextAggregatorPair(context)
    pipeline = Pipeline([stt, user, Storyteller(), tts, speaker, assistant])
    params = PipelineParams(audio_in_sample_rate=24000, audio_out_sample_rate=int(rate))
    worker = PipelineWorker(pipeline, params=params, observers=[watching], enable_rtvi=False)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())

    async def hear(pcm: bytes) -> None:
        await worker.queue_frame(InputAudioRawFrame(pcm, sample_rate=24000, num_channels=1))

    def told(role):
        messages = (m for m in context.get_messages() if isinstance(m, dict))
        return [m["content"] for m in messages if m["role"] == role]

    async with Microphone(question, hear) as microphone:
        microphone.ask()
        await watching.until(lambda: speaker.heard > 2.0)
        microphone.ask()
        await watching.until(lambda: len(told("assistant")) > 1)
    await worker.cancel()
    await running
    got["user"], got["assistant"] = told("user"), told("assistant")
    print(json.dumps(got))


logger.remove()
logger.add(sys.stderr, level="INFO")
asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 100))
