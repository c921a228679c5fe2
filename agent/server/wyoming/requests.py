"""What Home Assistant asks for, done: a recording heard, a text spoken, a question answered."""

import logging
from contextlib import aclosing, suppress
from uuid import uuid4

from anyio.streams.memory import MemoryObjectReceiveStream
from wyoming.asr import Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk
from wyoming.handle import Handled, HandledChunk, HandledStart, HandledStop, NotHandled
from wyoming.tts import SynthesizeStopped, SynthesizeVoice

from agent.agent import Agent
from agent.errors import ConfigError
from agent.server.errors import ApiError
from agent.server.wyoming.conversations import AnswerError, Conversations
from agent.server.wyoming.description import voice_of
from agent.server.wyoming.hearing import Wish, transcribe
from agent.server.wyoming.speaking import Send, speak
from agent.server.wyoming.text import Text
from tts import TextToSpeech

log = logging.getLogger(__name__)


async def hear(
    agent: Agent, chunks: MemoryObjectReceiveStream[AudioChunk], wish: Wish, send: Send
) -> None:
    """Send what is said in a recording. Raises EventError, SpeechToTextError."""
    begun = False

    async def tell(words: str) -> None:
        nonlocal begun
        if not begun:
            begun = True
            await send(TranscriptStart(wish.context))
        await send(TranscriptChunk(words))

    heard = await transcribe(agent, chunks, wish, tell)
    await send(Transcript(heard.text, wish.context, heard.language))
    if begun:
        await send(TranscriptStop())


async def say(agent: Agent, text: Text, wanted: SynthesizeVoice | None, send: Send) -> None:
    """Send a text as sound. Raises TextToSpeechError."""
    await speak(_voice(agent, wanted), text, send)


async def say_as_written(
    agent: Agent, text: Text, wanted: SynthesizeVoice | None, send: Send
) -> None:
    """The same of a text that is being written, whose end is told."""
    await say(agent, text, wanted, send)
    await send(SynthesizeStopped())


def _voice(agent: Agent, wanted: SynthesizeVoice | None) -> TextToSpeech:
    """The voice, speaker or language that is wanted; the configured one if there is no such."""
    names: tuple[object, ...] = ()
    if wanted is not None:
        names = (wanted.speaker, wanted.name, voice_of(agent, wanted.language))
    for name in names:
        if isinstance(name, str) and name:
            with suppress(ConfigError):
                return agent.voice(name)
    return agent.tts


async def answer(
    agent: Agent, conversations: Conversations, question: Transcript, send: Send
) -> None:
    """Send the agent's answer, or its apology."""
    context = question.context if isinstance(question.context, dict) else {}
    conversation = str(context.get("conversation_id") or uuid4())
    said = ""
    await send(HandledStart(context))
    try:
        async with aclosing(conversations.answer(conversation, question.text)) as words:
            async for word in words:
                said += word
                await send(HandledChunk(word))
    except (AnswerError, ApiError) as error:
        log.warning("no answer: %s", error)
        apology = agent.config.agent.apology or str(error)
        await send(NotHandled(f"{said} {apology}".strip(), context))
    else:
        await send(Handled(said.strip(), context))
    await send(HandledStop())
