"""The user's turns to words: the stage between the ears and the conversation.

Everything that is not audio passes at once, so that an interruption never waits for the
recogniser. Turns are recognised one after the other, each while it is being spoken.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.resample import Resampler
from agent.ears import SpeechAudio, SpeechBegan, SpeechEnded, SpeechInsisted, UserSpeech
from agent.events import ErrorEvent, Event
from agent.vad import SAMPLE_RATE
from stt import SpeechToText, Transcript
from tts import Heard, SpokenWord

BACKLOG = 8
"""Turns that may wait for the recogniser before the microphone has to."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What the recogniser makes of turn `turn` so far; `final` when it is all.

    `sound`: how it sounded, with the final words, where somebody wants to know.
    """

    turn: int
    text: str
    final: bool
    sound: Heard | None = None


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """The recogniser failed on turn `turn`: something was said, nobody knows what."""

    turn: int


UserWords = SpeechBegan | SpeechInsisted | SpeechEnded | Understood | NotUnderstood

_Utterance = tuple[int, MemoryObjectReceiveStream[SpeechAudio]]


class Transcribe:
    """A stage: UserSpeech in, UserWords out."""

    def __init__(
        self, stt: SpeechToText, report: Callable[[Event], None], *, keep_sound: bool = False
    ) -> None:
        """`report` is told of failures; a failed turn does not end the stage.

        `keep_sound`: final words come with their sound.
        """
        self._stt = stt
        self._report = report
        self._keep_sound = keep_sound

    async def __call__(
        self,
        receive: MemoryObjectReceiveStream[UserSpeech],
        send: MemoryObjectSendStream[UserWords],
    ) -> None:
        """Recognise every turn until the input ends."""
        todo, utterances = anyio.create_memory_object_stream[_Utterance](BACKLOG)
        audio: MemoryObjectSendStream[SpeechAudio] | None = None
        async with anyio.create_task_group() as tasks, receive:
            tasks.start_soon(self._recognise_all, utterances, send)
            with todo:
                async for item in receive:
                    if isinstance(item, SpeechAudio):
                        if audio is not None:
                            audio.send_nowait(item)
                        continue
                    await send.send(item)
                    if isinstance(item, SpeechBegan):
                        # Unbounded but for the turn's maximum length: its audio must not wait
                        # behind the recogniser, or the next interruption would wait with it.
                        audio, heard = anyio.create_memory_object_stream[SpeechAudio](math.inf)
                        await todo.send((item.turn, heard))
                    elif isinstance(item, SpeechEnded) and audio is not None:
                        audio.close()
                        audio = None
                if audio is not None:
                    audio.close()

    async def _recognise_all(
        self,
        utterances: MemoryObjectReceiveStream[_Utterance],
        send: MemoryObjectSendStream[UserWords],
    ) -> None:
        async with utterances:
            async for turn, audio in utterances:
                async with audio:
                    try:
                        await self._recognise(turn, audio, send)
                    except Exception as error:  # noqa: BLE001  (P6: a dead engine ends a turn only)
                        code = type(error).__name__
                        self._report(ErrorEvent("stt", code, str(error), recovered=True))
                        async for _ in audio:
                            pass
                        await send.send(NotUnderstood(turn))

    async def _recognise(
        self,
        turn: int,
        audio: MemoryObjectReceiveStream[SpeechAudio],
        send: MemoryObjectSendStream[UserWords],
    ) -> None:
        resampler = Resampler(SAMPLE_RATE, self._stt.sample_rate, "light")
        kept: list[NDArray[np.float32]] = []
        async with self._stt.listen() as recognition:
            async for block in audio:
                if self._keep_sound:
                    kept.append(block.pcm)
                partial = await recognition.feed(resampler.process(block.pcm))
                if partial is not None:
                    await send.send(Understood(turn, partial.text, final=False))
            transcript = await recognition.finish()
        sound = how_it_sounded(np.concatenate(kept), transcript) if kept else None
        await send.send(Understood(turn, transcript.text.strip(), final=True, sound=sound))


def how_it_sounded(pcm: NDArray[np.float32], transcript: Transcript) -> Heard:
    """The user's utterance [n] at 16 kHz with its words.

    A recogniser that gives no word times has them estimated: a letter is as long as another.
    """
    if transcript.words:
        words = [SpokenWord(w.text, round(w.start * SAMPLE_RATE)) for w in transcript.words]
    else:
        letters = 0
        words = []
        for text in transcript.text.split():
            words.append(SpokenWord(text, len(pcm) * letters // max(1, len(transcript.text))))
            letters += len(text) + 1
    return Heard("user", pcm, SAMPLE_RATE, tuple(words))
