"""Single engines as stages, for graphs of one's own."""

from collections.abc import AsyncIterable, Callable, Coroutine
from typing import Any, TypeVar

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.audio.resample import Resampler
from agent.engines import GuardedSpeechToText, GuardedTextToSpeech
from agent.events import Audio
from agent.guards.audio import finite
from stt import SpeechToText, Transcript
from tts import Speech, TextToSpeech, Utterance

T = TypeVar("T")


def source(
    items: AsyncIterable[T],
) -> Callable[[Any, MemoryObjectSendStream[T]], Coroutine[Any, Any, None]]:
    """Return a stage that sends whatever `items` yields: the beginning of a graph."""

    async def send_all(_: Any, send: MemoryObjectSendStream[T], /) -> None:
        async for item in items:
            await send.send(item)

    return send_all


class Speak:
    """A stage that speaks: fragments of one text in, as they come; `Speech` out, as it is made.

    The text goes to the synthesiser as it is; `tts.clean.SpeechText` prepares what is not prose.
    """

    def __init__(self, tts: TextToSpeech) -> None:
        self._tts = GuardedTextToSpeech(tts)

    async def __call__(
        self, receive: MemoryObjectReceiveStream[str], send: MemoryObjectSendStream[Speech], /
    ) -> None:
        """Load the engine if need be and speak until the text ends."""

        async def feed(utterance: Utterance) -> None:
            async for fragment in receive:
                await utterance.feed(fragment)
            await utterance.finish()

        await self._tts.load()
        async with self._tts.open() as utterance, anyio.create_task_group() as tasks:
            tasks.start_soon(feed, utterance)
            async for speech in utterance:
                await send.send(speech)


class Listen:
    """A stage that listens: the `Audio` of one utterance in, at any rate; transcripts out.

    The last transcript is the final one.
    """

    def __init__(self, stt: SpeechToText) -> None:
        self._stt = GuardedSpeechToText(stt)

    async def __call__(
        self, receive: MemoryObjectReceiveStream[Audio], send: MemoryObjectSendStream[Transcript], /
    ) -> None:
        """Load the engine if need be and recognise until the audio ends."""
        await self._stt.load()
        async with self._stt.listen() as recognition:
            rate, resampler = 0, None
            async for block in receive:
                rest = np.zeros(0, np.float32)
                if resampler is None or block.sample_rate != rate:
                    rest = resampler.flush() if resampler is not None else rest
                    rate = block.sample_rate
                    resampler = Resampler(rate, self._stt.sample_rate, "light")
                pcm = np.concatenate((rest, resampler.process(finite(block.pcm))))
                partial = await recognition.feed(pcm)
                if partial is not None:
                    await send.send(partial)
            if resampler is not None:
                await recognition.feed(resampler.flush())
            await send.send(await recognition.finish())
