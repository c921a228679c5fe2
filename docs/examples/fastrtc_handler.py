"""An agent that a browser calls by FastRTC: python fastrtc_handler.py

Needs `pip install fastrtc`, and the packages of Parley's.
"""

import asyncio
from contextlib import asynccontextmanager

import gradio
import numpy as np
import uvicorn
from fastapi import FastAPI
from fastrtc import AsyncStreamHandler, Stream

from agent import Agent, Audio, Graph


class Parley(AsyncStreamHandler):
    def __init__(self):
        super().__init__(input_sample_rate=16000)
        self.spoken = asyncio.Queue()

    def copy(self):  # a caller more: a conversation more, with the same engines
        return Parley()

    async def start_up(self):
        async with Graph(app.state.agent).open() as (self.user, out):
            async for item in out:
                if isinstance(item, Audio):
                    await self.spoken.put((item.sample_rate, (item.pcm * 32767).astype(np.int16)))

    async def receive(self, frame):
        rate, samples = frame
        await self.user.send(Audio(samples.reshape(-1) / np.float32(32768), rate))

    async def emit(self):
        return await self.spoken.get()

    async def shutdown(self):
        self.user.close()


@asynccontextmanager
async def lifespan(app):
    async with Agent.open("offline") as app.state.agent:
        yield


stream = Stream(Parley(), modality="audio", mode="send-receive")
app = gradio.mount_gradio_app(FastAPI(lifespan=lifespan), stream.ui, path="/")
if __name__ == "__main__":
    uvicorn.run(app)
