"""A page that hears a question and answers it aloud, with Gradio: python gradio_page.py

Needs `pip install gradio`, and the packages of Parley's.
"""

import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import gradio
import uvicorn
from fastapi import FastAPI

from agent import Agent, WavMicrophone, WavSpeaker


@asynccontextmanager
async def lifespan(app):
    async with Agent.open("offline") as app.state.agent:  # loaded once, for all who ask
        yield


async def answer(recording):
    agent = app.state.agent
    said = Path(tempfile.mkdtemp()) / "answer.wav"
    speaker = WavSpeaker(said, agent.tts.sample_rate)
    async with agent.start(WavMicrophone(recording), speaker) as conversation:
        await conversation.wait()
    messages = conversation.history.messages[1:]  # after the instructions
    return str(said), "\n".join(f"{each.role}: {each.content}" for each in messages)


page = gradio.Interface(
    answer,
    gradio.Audio(sources=["microphone", "upload"], type="filepath", label="your question"),
    [gradio.Audio(autoplay=True, label="the answer"), gradio.Textbox(label="what was said")],
    title="Parley",
)
app = gradio.mount_gradio_app(FastAPI(lifespan=lifespan), page, path="/")
if __name__ == "__main__":
    uvicorn.run(app)
