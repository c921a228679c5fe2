"""One reply: language model, speech and playback of one turn, in one cancel scope.

It may be prepared before the user's turn is surely over: nothing of it is played or told then,
and it either takes its turn (`commit`) or leaves no trace (`discard`). What survives a cancelled
reply is one fact: what the listener really heard.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.output import Output, ReplyTrack
from agent.conversation.activity import (
    Activity,
    ReplyAudio,
    ReplyBegan,
    ReplyCalls,
    ReplyHeld,
    ReplyMade,
    ReplyOver,
    ReplyResumed,
    ReplyText,
)
from agent.conversation.events import ReplyEvent, ReplyStarted
from agent.conversation.floor import Floor
from agent.conversation.generation import ReplySource
from agent.conversation.latency import Stopwatch
from agent.conversation.spoken import Outcome, Spoken
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    AssistantSpeechStarted,
    AssistantText,
    ErrorEvent,
    Event,
    Hearing,
    How,
    nobody,
)
from agent.guards.foreign import only
from llm_adapters import ContextTooLongError, LanguageModelError, ToolCall
from tts import ConversationalSpeech, SpokenWord, TextToSpeech, TextToSpeechError
from tts.spoken_text import SpokenText

UNDERSTOOD = 1.0
"""Seconds before the end of a question from which on people answer it."""

TOLD_EVERY = 0.25
"""Seconds of a reply after which it is told which more words of it were heard."""

AHEAD = 1000
"""Fragments that the language model may be ahead of the voice."""


class Reply:
    """A reply generates and speaks the answer to one turn.

    `run` it once; `commit`, `hold`, `resume`, `stop` at any time.
    """

    def __init__(
        self,
        number: int,
        turn: int,
        source: ReplySource,
        tts: TextToSpeech,
        playback: Output,
        *,
        report: Callable[[Event], None],
        watch: Callable[[Activity], None] = nobody,
        tell: Callable[[ReplyEvent], None],
        hearing: Hearing = nobody,
        apology: str,
        floor: Floor,
        speak_ahead: bool = True,
        speaks: bool = True,
        request: int = 0,
        pace: float | None = None,
    ) -> None:
        """`number` is the policy's, which `tell` tells what happens; `turn` is the user's.

        `hearing` is told of its words as they are heard; `watch` of all that is made of it, from
        its commit on. Not `speaks`: it is text alone. `request` asked for it.
        `apology` is spoken in the place of what an engine's failure leaves missing. `floor` is
        the reply's for a `source` that has to wait for it. `speak_ahead`: the voice begins
        before that, not only the model. `pace` is that of its voice (`Spoken.pace`).
        """
        self.number = number
        self.turn = turn
        self.source = source
        self.outcome: Outcome | None = None
        self.floor = floor
        self.committed = floor.committed
        self.watch = Stopwatch()
        self.tokens = 0  # fragments that the model gave
        self.failure = ""  # what an engine said that failed
        self._too_long = False  # because the conversation is
        self.handed_over: tuple[ToolCall, ...] = ()  # calls that somebody else answers
        self._calls: tuple[ToolCall, ...] = ()  # that are still to be handed over
        self.mute = False  # there were words, and no sound came of them
        self._tts = tts
        self._tell = tell
        self._hearing = hearing
        self._publish = report
        self._watch = watch
        self._untold: list[Event | Activity] = []  # until it is committed
        self.speaks = speaks
        self._request = request
        self._apology = apology
        self._speak_ahead = speak_ahead
        self._scope = anyio.CancelScope()
        self.track: ReplyTrack = playback.open(tts.sample_rate, held=True)
        self._began: float | None = None  # when its first sample was heard
        self._all_spoken = False  # into the track
        self._left = False  # for the listener to play it out
        self._cut = False  # silenced in mid-speech, and that has been told
        self._text = ""  # as the model gave it
        self.spoken = Spoken(tts.sample_rate, pace)
        self._voice_remembers = isinstance(tts, ConversationalSpeech)
        self._pcm: list[NDArray[np.float32]] = []  # kept for a voice that remembers

    @property
    def sounding(self) -> bool:
        """Whether it can be heard: begun, neither held nor over."""
        return self._began is not None and self.outcome is None and not self.track.held

    @property
    def starved(self) -> bool:
        """Whether all that there is of it so far has been heard, and more is awaited."""
        return self.sounding and self.track.dry

    @property
    def held(self) -> bool:
        """Whether `hold` silences it."""
        return self.committed.is_set() and self.outcome is None and self.track.held

    @property
    def said(self) -> str:
        """The words heard so far."""
        return self.spoken.split(self._heard())[0]

    @property
    def heard_out(self) -> bool:
        """Whether it has been heard to its end."""
        return self.outcome is not None and not self.outcome.interrupted

    @property
    def heard_whole(self) -> bool:
        """Whether its last word has been heard, and no engine failed at any."""
        words = self.spoken.words
        heard = self._all_spoken and words and len(self._heard()) == len(words)
        return not self.failure and (self.heard_out or bool(heard))

    @property
    def asks(self) -> bool:
        """Whether it ends with a question that the user can have understood by now."""
        left = (self.spoken.generated - self.track.furthest) / self._tts.sample_rate
        question = self.source.question is not None or self._text.rstrip().endswith("?")
        return self._all_spoken and left < UNDERSTOOD and question

    async def run(self) -> None:
        """Speak what the source gives until all of it has been heard, or `stop` or `discard`."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._announce)
                    complete = await self._speak_or_apologise()
                    self._all_spoken = True
                    self.hand_over()
                    made = self.number, self.failure, self.source.cut, self._too_long
                    self._report(ReplyMade(*made))
                    await self.track.drain()
                    await self.committed.wait()
                    tasks.cancel_scope.cancel()
                self._settle(complete=complete)
        finally:
            if not self._left:
                self.track.stop()
            if self.committed.is_set():
                self._settle(complete=False, ended=True)

    def commit(self, watch: Stopwatch) -> None:
        """Play, and report, from now on. `watch` has the moments of the user's turn."""
        self.watch.adopt(watch)
        self.floor.take()
        self._watch(ReplyBegan(self.number, self.turn, self._request))
        for event in self._untold:
            self._pass_on(event)
        self._untold.clear()
        self.track.release()

    def discard(self) -> None:
        """Drop what was prepared in vain: nothing of it is ever heard or reported."""
        self.track.stop()
        self._scope.cancel()

    def hold(self) -> None:
        """Fall silent within one block of the device, until `resume` or `stop`."""
        sounded = self.sounding
        self.floor.hold()
        self.track.hold()
        self._watch(ReplyHeld(self.number, interrupts=sounded))
        if sounded:
            self._cut = True
            self._tell_interrupted()

    def resume(self) -> None:
        """Go on with the word in which it was silenced, for it was for nothing."""
        if not self.held:
            return
        self.floor.resume()
        played = self.track.played
        starts = [word.start for word in self.spoken.words if word.start <= played]
        back = played - starts[-1] if starts and self._cut else 0
        self._watch(ReplyResumed(self.number, self.said, played - back))
        self.track.release(back)
        if self._cut:
            self._cut = False
            self._report(AssistantResumed(self.turn))

    def stop(self) -> None:
        """Fall silent within one block of the device; what was heard by then is the outcome."""
        self.floor.lose()
        self.track.stop()
        self._settle(complete=False)
        self._scope.cancel()

    def leave(self) -> None:
        """Take it as heard: the listener, who has all of it, plays it in their own time."""
        self._left = True
        self._settle(complete=True)
        self._scope.cancel()

    def hand_over(self, calls: tuple[ToolCall, ...] = ()) -> None:
        """End with calls that somebody else answers, once the words before them are spoken."""
        self._calls += calls
        if self._calls and (self._all_spoken or not self.speaks or not self._text.strip()):
            self._report(ReplyCalls(self.number, self._calls))
            self.handed_over += self._calls
            self._calls = ()

    async def _speak_or_apologise(self) -> bool:
        send, text = anyio.create_memory_object_stream[str](AHEAD)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._generate, send)
                if not self._speak_ahead:
                    await self.committed.wait()
                await self._speak(text)
        except Exception as error:  # noqa: BLE001  (P6: a dead engine ends a turn, never more)
            self._fail("tts", error)
        else:
            return True
        finally:
            text.close()
        try:
            await self._speak(_once(self._apology))
        except Exception as error:  # noqa: BLE001
            self._fail("tts", error)
        return False

    async def _speak(self, text: AsyncIterator[str]) -> None:
        if not self.speaks:
            async for _ in text:
                pass
            return
        said = self.spoken
        part = said.begin(SpokenText(self._tts))
        async with self._tts.open() as utterance, anyio.create_task_group() as tasks:
            tasks.start_soon(part.feed, utterance, text)
            async for speech in utterance:
                self.watch.mark("first_audio")
                words = part.add(speech)
                if self._voice_remembers:
                    self._pcm.append(speech.pcm)
                self._report(ReplyAudio(self.number, speech.pcm, said.sample_rate, words))
                await self.track.write(speech.pcm)
        said.pace = part.end() or said.pace
        if not said.generated and any(map(str.isalnum, said.written)):
            self.mute = True
            raise TextToSpeechError("the synthesiser gave no sound for a reply with words in it")

    async def _generate(self, send: MemoryObjectSendStream[str]) -> None:
        """Send the source's text, ended with the apology where the model fails."""
        failure: Exception | None = None
        with send:
            try:
                async with aclosing(self.source.text()) as deltas:
                    async for delta in deltas:
                        self.watch.mark("first_token")
                        self.tokens += 1
                        self._text += delta.text
                        self._report(AssistantText(self.turn, delta.text))
                        self._report(ReplyText(self.number, delta.text))
                        await send.send(delta.text)
            except anyio.BrokenResourceError:
                return  # the voice has failed, and said so
            except Exception as error:  # noqa: BLE001  (P6)
                failure = error
            if failure is None and not self._text.strip() and not self.source.silent:
                failure = LanguageModelError("the language model gave an empty reply")
            if failure is not None:
                self._fail("llm", failure)
                # What was said stays said; a sentence that broke off is ended before the apology.
                apology = f" … {self._apology}" if self._text.strip() else self._apology
                self._text += apology
                self._report(ReplyText(self.number, apology))
                await send.send(apology)

    async def _announce(self) -> None:
        when = await self.track.started()
        if when is not None:
            self._began = when
            self.watch.mark("first_sample", when)
            self._report(AssistantSpeechStarted(self.turn))
            self._report(self.watch.latency(self.turn))
            self._tell(ReplyStarted(self.number, when))
            await self._tell_what_is_heard()

    async def _tell_what_is_heard(self) -> None:
        told = 0
        step = round(TOLD_EVERY * self._tts.sample_rate)
        while await self.track.passed(self.track.furthest + step):
            heard = self.said.split()
            if len(heard) > told:
                self._hearing(" ".join(heard[told:]))
                told = len(heard)

    def _fail(self, stage: str, error: Exception) -> None:
        cause = only(error)
        self.failure = f"{stage}: {cause}"
        self._too_long = isinstance(cause, ContextTooLongError)
        self._report(ErrorEvent(stage, type(cause).__name__, str(cause), recovered=True))

    def _report(self, event: Event | Activity) -> None:
        if self.committed.is_set():
            self._pass_on(event)
        else:
            self._untold.append(event)

    def _pass_on(self, event: Event | Activity) -> None:
        if isinstance(event, Event):
            self._publish(event)
        else:
            self._watch(event)

    def _settle(self, *, complete: bool, ended: bool = False) -> None:
        """Fix the outcome, once; `ended`: nobody stopped it, the conversation is over."""
        if self.outcome is not None:
            return
        words = self.spoken.words if complete else self._heard()
        text = self._text.strip()
        heard = self.spoken.split(words)[0] if self.speaks else text
        if complete and self.spoken.written.strip():
            heard = text
        sound = self.spoken.sound(self._pcm, self.track.furthest, words)
        self.outcome = Outcome(heard, interrupted=not complete, sound=sound)
        if complete:
            self._report(AssistantDone(self.turn, text))
        elif not self._cut:
            self._tell_interrupted(ended=ended)
        heard_ms = 1000 * self.track.furthest / self._tts.sample_rate
        self._report(ReplyOver(self.number, heard, self.outcome.interrupted, heard_ms))

    def _tell_interrupted(self, *, ended: bool = False) -> None:
        said = self.spoken.split(self._heard()) if self.speaks else (self._text.strip(), "")
        heard, unheard = said
        how: How = "ended" if ended else "unheard" if self._began is None else "cut"
        estimated = self.spoken.estimated
        self._report(AssistantInterrupted(self.turn, heard, unheard, estimated, how))

    def _heard(self) -> Sequence[SpokenWord]:
        return self.spoken.heard(self.track.furthest)

    @property
    def delivered(self) -> bool:
        """Whether all of it has been sent to a listener who plays it in their own time."""
        return self._all_spoken and self.track.delivers


async def _once(text: str) -> AsyncGenerator[str, None]:
    if text:
        yield text
