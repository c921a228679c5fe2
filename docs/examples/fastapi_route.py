"""An agent as a route of your own application: uvicorn fastapi_route:app

What the user says comes as binary messages, 16 bit samples at 16 kHz; what the agent says goes
back in the same form, at the rate of its voice, and what happens as JSON between them.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import numpy as np
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from agent import Agent, Audio, Event, Graph


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    async with Agent.open("offline") as app.state.agent:  # loaded once, for all who talk
        yield


app = FastAPI(lifespan=lifespan)


@app.websocket("/talk")
async def talk(socket: WebSocket) -> None:
    await socket.accept()

    async def speak(out: anyio.abc.ObjectReceiveStream[Audio | Event]) -> None:
        async for item in out:
            if isinstance(item, Audio):
                await socket.send_bytes((item.pcm * 32767).astype("<i2").tobytes())
            else:
                await socket.send_json(item.record())

    async with Graph(app.state.agent).open() as (user, out), anyio.create_task_group() as tasks:
        tasks.start_soon(speak, out)
        try:
            while True:
                samples = np.frombuffer(await socket.receive_bytes(), "<i2")
                await user.send(Audio(samples.astype(np.float32) / np.float32(32768), 16000))
        except WebSocketDisconnect:
            tasks.cancel_scope.cancel()
