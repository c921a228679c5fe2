"""Pipecat's service for OpenAI Realtime in a pipeline: a story, cut off by voice for a tool."""

import asyncio
import json
import os
import sys

from loguru import logger
from microphone import Microphone
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMRunFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

LOCAL = os.environ.get("TURNS") == "local"
"""Whether the pipeline itself finds out when the user speaks; here it is simply told."""

got = {"countries": [], "heard": [], "audio": 0, "interrupted": 0, "errors": [], "words": []}


async def capital_of(params):
    got["countries"].append(params.arguments["country"])
    await params.result_callback("Paris")


class Watching(BaseObserver):
    """Notes what the service pushes, each frame once."""

    def __init__(self, service):
        super().__init__()
        self.service = service
        self.news = asyncio.Event()

    async def on_push_frame(self, data):
        frame = data.frame
        if isinstance(frame, InterruptionFrame) and data.destination is self.service:
            got["interrupted"] += 1
            got["words"].append("|")
        if data.source is not self.service:
            return
        if isinstance(frame, TTSAudioRawFrame):
            got["audio"] += len(frame.audio)
        elif isinstance(frame, TTSTextFrame):
            got["words"].append(frame.text)
        elif isinstance(frame, TranscriptionFrame):
            got["heard"].append(frame.text)
        elif isinstance(frame, ErrorFrame):
            got["errors"].append(frame.error)
        self.news.set()

    async def until(self, condition):
        while not condition():
            self.news.clear()
            await self.news.wait()


async def main(address: str, key: str, question: str) -> None:
    service = OpenAIRealtimeLLMService(
        api_key=key,
        base_url=f"ws://{address}/v1/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            session_properties=events.SessionProperties(
                audio=events.AudioConfiguration(
                    input=events.AudioInput(
                        transcription=events.InputAudioTranscription(),
                        turn_detection=False if LOCAL else None,
                    )
                )
            )
        ),
    )
    items = []

    @service.event_handler("on_conversation_item_created")
    async def created(_service, _item_id, item):
        items.append(item)

    service.register_function("capital_of", capital_of)
    country = {"country": {"type": "string"}}
    tool = FunctionSchema("capital_of", "Look up the capital of a country.", country, ["country"])
    context = LLMContext(
        [{"role": "user", "content": "tell me a story"}], ToolsSchema(standard_tools=[tool])
    )
    user, assistant = LLMContextAggregatorPair(context)
    watching = Watching(service)
    worker = PipelineWorker(
        Pipeline([user, service, assistant]), observers=[watching], enable_rtvi=False
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())

    def said(text):
        return lambda: text in "".join(got["words"])

    async def hear(pcm: bytes) -> None:
        await worker.queue_frame(InputAudioRawFrame(pcm, sample_rate=24000, num_channels=1))

    async with Microphone(question, hear) as microphone:
        await worker.queue_frame(LLMRunFrame())
        await watching.until(said("one two three"))
        await asyncio.sleep(1.5)
        got["story"] = got["audio"] / 48000
        if LOCAL:
            await worker.queue_frames([InterruptionFrame(), UserStartedSpeakingFrame()])
        microphone.ask()
        if LOCAL:
            await asyncio.sleep(2.5)
            await worker.queue_frame(UserStoppedSpeakingFrame())
        await watching.until(said("It is Paris."))
        await watching.until(lambda: got["audio"] / 48000 > got["story"] + 0.5)
        story = next(item.id for item in items if item.role == "assistant")
        item = await service.retrieve_conversation_item(story)
        got["cut"] = item.model_dump(include={"status": True, "content": {0: {"transcript"}}})
    got["seconds"] = got["audio"] / 48000 - got["story"]
    await worker.cancel()
    await running
    got["context"] = [m for m in context.get_messages() if isinstance(m, dict)]
    print(json.dumps(got))


logger.remove()
logger.add(sys.stderr, level="INFO")
asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 40))
