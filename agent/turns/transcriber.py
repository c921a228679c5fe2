"""The user's turns to words: the stage between the segmenter and the conversation.

Everything that is not audio passes at once, so that an interruption never waits for the
recogniser. Turns are recognised one after the other, each while it is being spoken; in a pause
the recogniser finishes what it has, so that the words are there when the pause turns out the end.
"""

import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.resample import Resampler
from agent.events import ErrorEvent, Event, WarningEvent
from agent.turns.completeness import judge
from agent.turns.events import (
    PreemptiveTranscript,
    SpeechAudio,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    TranscriptionFailed,
    TurnTranscript,
    UserSpeech,
    UserWords,
)
from agent.turns.judgement import Judgement
from agent.turns.vad import SAMPLE_RATE
from stt import Recognition, SpeechToText, Transcript, punctuates
from tts import SpokenTurn, SpokenWord

BACKLOG = 8
"""Turns that may wait for the recogniser before the microphone has to."""

NO_WORDS = Judgement(0.5, "the recogniser failed")
"""What is known of a turn's end then."""

_Item = SpeechAudio | SpeechPaused | SpeechResumed
_Utterance = tuple[int, MemoryObjectReceiveStream[_Item]]


class Transcriber:
    """A transcriber recognises the user's turns: UserSpeech in, UserWords out."""

    def __init__(
        self,
        stt: SpeechToText,
        report: Callable[[Event], None],
        *,
        keep_sound: bool = False,
        preemptive: bool = False,
        judge: Callable[[int, int, Judgement], None] = lambda _turn, _pause, _judgement: None,
        said: Callable[[str], str] = str,
        language: str | None = None,
    ) -> None:
        """`report` is told of failures; a failed turn does not end the stage.

        `keep_sound`: final words come with their sound. `preemptive`: the recogniser finishes in
        every pause. `judge` is told how finished the words read in a pause, by its turn and number:
        all of them, or those so far where the recogniser does not finish. `said` gives of what was
        understood what was said to the agent. `language` is the one that is spoken where the
        recogniser does not tell.
        """
        self._stt = stt
        self._punctuated = punctuates(stt)
        self._report = report
        self._keep_sound = keep_sound
        self._preemptive = preemptive
        self._judge = judge
        self._said = said
        self._language = language
        self._pause: tuple[int, int] | None = None  # turn and number of the pause that lasts

    async def __call__(
        self,
        receive: MemoryObjectReceiveStream[UserSpeech],
        send: MemoryObjectSendStream[UserWords],
    ) -> None:
        """Recognise every turn until the input ends."""
        todo, utterances = anyio.create_memory_object_stream[_Utterance](BACKLOG)
        items: MemoryObjectSendStream[_Item] | None = None
        # Closed here, too: a task that is cancelled before it has taken them closes nothing.
        heard: deque[MemoryObjectReceiveStream[_Item]] = deque(maxlen=BACKLOG + 2)
        async with _closed(utterances, heard), anyio.create_task_group() as tasks, receive:
            tasks.start_soon(self._recognise_all, utterances, send)
            with todo:
                try:
                    async for item in receive:
                        if isinstance(item, SpeechPaused):
                            self._pause = item.turn, item.pause
                        elif isinstance(item, SpeechResumed):
                            self._pause = None
                        if isinstance(item, _Item) and items is not None:
                            items.send_nowait(item)
                        if isinstance(item, SpeechAudio):
                            continue
                        await send.send(item)
                        if isinstance(item, SpeechStarted):
                            # Unbounded but for the turn's maximum length: its audio must not wait
                            # behind the recogniser, or the next interruption would wait with it.
                            items, turn = anyio.create_memory_object_stream[_Item](math.inf)
                            heard.append(turn)
                            await todo.send((item.turn, turn))
                        elif isinstance(item, SpeechEnded) and items is not None:
                            items.close()
                            items = None
                finally:
                    if items is not None:
                        items.close()

    async def _recognise_all(
        self,
        utterances: MemoryObjectReceiveStream[_Utterance],
        send: MemoryObjectSendStream[UserWords],
    ) -> None:
        async with utterances:
            async for turn, items in utterances:
                async with items:
                    try:
                        await self._recognise(turn, items, send)
                    except Exception as error:  # noqa: BLE001  (P6: a dead engine ends a turn only)
                        code = type(error).__name__
                        self._report(ErrorEvent("stt", code, str(error), recovered=True))
                        # Nobody waits for words that never come: silence ends the turn.
                        if self._pause is not None:
                            self._judge(turn, self._pause[1], NO_WORDS)
                        async for item in items:
                            if isinstance(item, SpeechPaused):
                                self._judge(turn, item.pause, NO_WORDS)
                        await send.send(TranscriptionFailed(turn, str(error)))

    async def _recognise(
        self,
        turn: int,
        items: MemoryObjectReceiveStream[_Item],
        send: MemoryObjectSendStream[UserWords],
    ) -> None:
        async with self._stt.listen() as recognition:
            listening = _Listening(turn, recognition, self._stt.sample_rate, self._keep_sound)
            async for item in items:
                if isinstance(item, SpeechAudio):
                    text = await listening.feed(item.pcm)
                    if text is not None:
                        await send.send(TurnTranscript(turn, self._said(text), final=False))
                elif isinstance(item, SpeechResumed):
                    await listening.go_on()
                elif self._preemptive:
                    await self._finish_ahead(item, listening, send)
                else:
                    # The partial lags behind: that it reads unfinished says nothing of this pause.
                    partly = judge(listening.text, language=self._language)
                    certainty = max(partly.certainty, 0.5)
                    self._judge(turn, item.pause, replace(partly, certainty=certainty))
            transcript = await recognition.finish()
        if transcript.rejected is not None:
            message = f"turn {turn} is not taken for speech: {transcript.rejected}"
            self._report(WarningEvent("stt", "stt.rejected", message))
        sound = listening.sound(transcript)
        text = self._said(transcript.text.strip())
        language = transcript.language or self._language
        await send.send(TurnTranscript(turn, text, final=True, sound=sound, language=language))

    async def _finish_ahead(
        self,
        paused: SpeechPaused,
        listening: "_Listening",
        send: MemoryObjectSendStream[UserWords],
    ) -> None:
        listening.pause()
        if self._pause != (paused.turn, paused.pause):
            return  # the recogniser lags behind: the user has gone on long since
        transcript = await listening.recognition.finish()
        text = self._said(transcript.text.strip())
        language = transcript.language or self._language
        if self._pause == (paused.turn, paused.pause):
            judgement = judge(text, punctuated=self._punctuated, language=language)
            self._judge(paused.turn, paused.pause, judgement)
            await send.send(PreemptiveTranscript(paused.turn, paused.pause, text, language))


@asynccontextmanager
async def _closed(
    utterances: MemoryObjectReceiveStream[_Utterance],
    heard: Iterable[MemoryObjectReceiveStream[_Item]],
) -> AsyncGenerator[None]:
    """Close the streams of turns that nobody has taken, when a block ends."""
    try:
        yield
    finally:
        utterances.close()
        for each in heard:
            each.close()


class _Listening:
    """One turn on its way into a recognition: in a pause, what comes next is held back."""

    def __init__(
        self, turn: int, recognition: Recognition, sample_rate: int, keep_sound: bool
    ) -> None:
        self.turn = turn
        self.recognition = recognition
        self.text = ""  # the latest partial transcript
        self._resampler = Resampler(SAMPLE_RATE, sample_rate, "light")
        self._held: list[NDArray[np.float32]] | None = None
        self._kept: list[NDArray[np.float32]] | None = [] if keep_sound else None

    async def feed(self, pcm: NDArray[np.float32]) -> str | None:
        """Hear more; a new partial transcript, if there is one."""
        if self._held is not None:
            self._held.append(pcm)
            return None
        if self._kept is not None:
            self._kept.append(pcm)
        partial = await self.recognition.feed(self._resampler.process(pcm))
        if partial is None:
            return None
        self.text = partial.text.strip()
        return self.text

    def pause(self) -> None:
        """What follows is silence, unless the user goes on: the transcript shall stand."""
        if self._held is None:
            self._held = []

    async def go_on(self) -> None:
        """It was a pause: it and what follows are heard after all."""
        held, self._held = self._held or [], None
        for pcm in held:
            await self.feed(pcm)

    def sound(self, transcript: Transcript) -> SpokenTurn | None:
        """The turn as it sounded, if it was kept."""
        return how_it_sounded(np.concatenate(self._kept), transcript) if self._kept else None


def how_it_sounded(pcm: NDArray[np.float32], transcript: Transcript) -> SpokenTurn:
    """Return the user's utterance [n] at 16 kHz with its words.

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
    return SpokenTurn("user", pcm, SAMPLE_RATE, tuple(words))
