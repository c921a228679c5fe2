"""Models that cost nothing and know the scene: so what is measured is the agent."""

import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import cache
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
from numpy.typing import NDArray

from agent.turns.vad import SileroVad
from bench.full_duplex import texts
from bench.full_duplex.voices import RATE, Clip, Float32, fluent, frame_power, speak
from llm_adapters import Message, TextDelta
from stt import Transcript, Word
from tts import Speech, SpokenWord

RECOGNISED = 0.2
"""Seconds after its onset at which a word is in a partial transcript."""

AUDIBLE = -52.0
"""The level in dBFS below which a recogniser hears nothing."""

AGENT = -20.0
"""The level of the agent's voice, in dBFS."""


class InlineVad(SileroVad):
    """Silero, but on the loop: a virtual clock would run ahead of another thread."""

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        """Hear more."""
        await anyio.lowlevel.checkpoint()
        self._rest = np.concatenate((self._rest, pcm))
        windows = (len(self._rest) - 64) // 512
        end = windows * 512
        heard, self._rest = self._rest[: end + 64], self._rest[end:]
        return self._run(heard) if windows else []


class ScriptedStt:
    """Understands whatever is loud enough in what it is given, word by word.

    `words` are all that have been said so far, in seconds of the clock; sound comes `latency`
    seconds after it was made. Without `partials` it tells no words before the end.
    """

    sample_rate = RATE
    language = "en"

    def __init__(
        self, words: Callable[[], Sequence[Word]], latency: float = 0.0, *, partials: bool = True
    ) -> None:
        self._words = words
        self._latency = latency
        self._partials = partials

    async def load(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to close."""

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator["ScriptedRecognition", None]:
        """One utterance."""
        yield ScriptedRecognition(self._words, self._latency, partials=self._partials)


class ScriptedRecognition:
    """What has been understood of one utterance."""

    def __init__(
        self, words: Callable[[], Sequence[Word]], latency: float, *, partials: bool
    ) -> None:
        self._words = words
        self._latency = latency
        self._partials = partials
        self._pcm = np.zeros(0, np.float32)
        self._start = 0.0
        self._told = ""

    async def feed(self, pcm: Float32) -> Transcript | None:
        """A partial transcript when it has changed."""
        if not len(pcm):
            return None
        self._pcm = np.concatenate((self._pcm, pcm))
        # The latest block is of now, whatever was left out before it.
        self._start = anyio.current_time() - self._latency - len(self._pcm) / RATE
        transcript = self._understand(RECOGNISED)
        if transcript.text == self._told or not self._partials:
            return None
        self._told = transcript.text
        return transcript

    async def finish(self) -> Transcript:
        """All words of which most has been heard; more may follow."""
        return self._understand(None)

    def _understand(self, after: float | None) -> Transcript:
        end = self._start + len(self._pcm) / RATE
        words = []
        for word in self._words():
            enough = 0.6 * (word.end - word.start) if after is None else after
            begun = word.start + 0.4 * (word.end - word.start) >= self._start
            if begun and word.start + enough <= end and self._loud(word):
                words.append(Word(word.text, word.start - self._start, word.end - self._start))
        text = " ".join(word.text for word in words)
        return Transcript(text, tuple(words), language=ScriptedStt.language)

    def _loud(self, word: Word) -> bool:
        first = max(0, round((word.start - self._start) * RATE))
        power = frame_power(self._pcm[first : round((word.end - self._start) * RATE)])
        return len(power) > 0 and 10 * np.log10(power.mean() + 1e-12) > AUDIBLE


class ScriptedLlm:
    """Answers the user's last words as the scene says, at once."""

    def __init__(self, answers: Sequence[tuple[str, str]]) -> None:
        self.asked: list[tuple[Message, ...]] = []
        self._answers = answers

    async def load(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to close."""

    async def reply(
        self, messages: Sequence[Message], *_tools: Any
    ) -> AsyncGenerator[TextDelta, None]:
        """The whole answer in one piece."""
        self.asked.append(tuple(messages))
        last = next((m.content for m in reversed(messages) if m.role == "user"), "")
        answer = next((a for part, a in self._answers if part in last), texts.UNEXPECTED)
        await anyio.lowlevel.checkpoint()
        yield TextDelta(answer)


class ClipTts:
    """Speaks sentence by sentence, without a pause, and notes what it has spoken."""

    sample_rate = RATE

    def __init__(self, voice: str = "awb") -> None:
        self.spoken: list[Clip] = []
        """Every reply as it sounds when it is not disturbed."""
        self._voice = voice

    async def load(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to close."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["ClipUtterance", None]:
        """One reply."""
        utterance = ClipUtterance(self._voice, self.spoken)
        with utterance.text:
            async with aclosing(utterance.speech):
                yield utterance


class ClipUtterance:
    """One reply being spoken."""

    def __init__(self, voice: str, spoken: list[Clip]) -> None:
        self._voice = voice
        self._spoken = spoken
        self._place = len(spoken)
        self._whole = Clip(np.zeros(0, np.float32))
        spoken.append(self._whole)
        self._send, self.text = anyio.create_memory_object_stream[str](1000)
        self._rest = ""
        self.speech = self._speak()

    async def feed(self, text: str) -> None:
        """More text."""
        *sentences, self._rest = re.split(r"(?<=[.?!]) ", self._rest + text)
        for sentence in sentences:
            await self._send.send(sentence)

    async def finish(self) -> None:
        """The rest."""
        if self._rest.strip():
            await self._send.send(self._rest)
        self._send.close()

    def __aiter__(self) -> AsyncIterator[Speech]:
        return self.speech

    async def _speak(self) -> AsyncGenerator[Speech, None]:
        with self._send:
            async for sentence in self.text:
                clip = voiced(sentence.strip(), self._voice)
                offset = len(self._whole.pcm)
                self._whole = _joined(self._whole, clip)
                self._spoken[self._place] = self._whole
                words = [SpokenWord(w.text, offset + round(w.start * RATE)) for w in clip.words]
                for start in range(0, len(clip.pcm), RATE // 10):
                    pcm = clip.pcm[start : start + RATE // 10]
                    begun = offset + start
                    new = [w for w in words if begun <= w.start < begun + RATE // 10]
                    yield Speech(pcm, tuple(new))


@cache
def voiced(text: str, voice: str) -> Clip:
    """A sentence of the agent's."""
    return fluent(speak(text, voice, level=AGENT))


def _joined(first: Clip, second: Clip) -> Clip:
    offset = len(first.pcm) / RATE
    later = [Word(w.text, w.start + offset, w.end + offset) for w in second.words]
    pcm = np.concatenate([first.pcm, second.pcm])
    return Clip(pcm, (*first.words, *later), first.begin, offset + second.end)


class Oracle:
    """Knows whether the user has finished, and errs as often as Smart-Turn v3 does.

    Of 31,473 published test samples it calls 4.68 % complete that are not and 3.72 % incomplete
    that are complete; about half of the samples are either, so that is how often it errs among
    them, doubled.
    """

    FALSE_COMPLETE = 2 * 0.0468
    FALSE_INCOMPLETE = 2 * 0.0372

    def __init__(self, pauses: Callable[[], tuple[int, bool]], name: str) -> None:
        """`pauses`: which pause this is, and whether the user has finished; `name`: a seed."""
        self._pauses = pauses
        self._name = name

    async def load(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to close."""

    async def complete(self, _pcm: Float32) -> float:
        """How surely the turn is over now: the same answer throughout one pause."""
        number, over = self._pauses()
        digest = hashlib.sha256(f"{self._name} {number} {over}".encode()).digest()
        draw = int.from_bytes(digest[:6], "big") / 2**48
        wrong = draw < (self.FALSE_INCOMPLETE if over else self.FALSE_COMPLETE)
        return 0.95 if over != wrong else 0.05
