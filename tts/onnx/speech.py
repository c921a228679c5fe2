"""Speech of a clause: phonemes as a network's numbers, words' times in what it makes."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from tts import speed
from tts.espeak.phonemes import Phonemes
from tts.onnx.ahead import Ahead
from tts.onnx.session import VoiceSession
from tts.protocol import Speech, SpokenWord
from tts.utterance import Send

_log = logging.getLogger(__name__)

REHEARSED = "ðə tɹˈeɪn tə ðə sˈɪti lˈiːvz æt sˈɛvən."
TELLING = 8
"""Pieces that a voice has to make for its speed to be kept."""
SILENCE = 0.01
"""Of the loudest sample: what is softer at the edges of a clause is not its sound."""
MARGIN = 0.02
"""Seconds kept around the sound, for what is too soft to be found."""
PAUSES = dict.fromkeys(".!?…", 0.3) | dict.fromkeys(",;:—", 0.12)
"""Seconds after a clause, by its last mark."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A network's input, and which of its tokens are which phonemes."""

    inputs: Mapping[str, NDArray[Any]]
    tokens: int
    """How many there are: the first and the last are the edges, before and after the speech."""
    places: Sequence[int]
    """The token of each phoneme, and of the end."""


def rehearse(
    session: VoiceSession, rate: int, encode: Callable[[Phonemes], Encoded], name: str
) -> None:
    """Have a voice say something that nobody hears, to find out how fast it is for now.

    Tells what is kept of it by `name`, where that was too slow. Blocks; raises TextToSpeechError.
    """
    if slow := speed.slow(name):
        _log.warning("%s; %s", *slow)
    encoded = encode(Phonemes(REHEARSED, ()))
    if encoded.places[0] == encoded.places[-1]:
        return  # it has no such sounds
    for _ in range(2):  # the first time is slow
        began = time.perf_counter()
        wave, _ends = session.run(encoded.inputs, encoded.tokens)
        took = time.perf_counter() - began
    session.speed.add(len(REHEARSED), took, len(wave) / rate)


async def keep_speed(session: VoiceSession, name: str) -> None:
    """Keep how fast a voice was, by `name`, if it has spoken enough to tell."""
    if session.speed.pieces >= TELLING:
        factor = session.speed.real_time_factor
        await anyio.to_thread.run_sync(speed.keep, name, factor)


class Speaker:
    """Speaker of one utterance, clause after clause, by one network at `rate` Hz."""

    def __init__(
        self, session: VoiceSession, rate: int, encode: Callable[[Phonemes], Encoded]
    ) -> None:
        self._session, self._rate, self._encode = session, rate, encode
        self._ahead = Ahead(session.speed)

    async def speak(self, pieces: Iterable[Phonemes], send: Send) -> None:
        """Synthesise the pieces of a clause in order, by phrases. Raises TextToSpeechError."""
        made = 0  # samples of the clause so far
        for piece in pieces:
            rest = piece
            while rest.text:
                at = len(rest.text)
                if at > (longest := self._ahead.phonemes):
                    at = rest.phrase(longest)
                phrase, rest = rest.cut(at)
                speech = await self._speak(phrase, made)
                if speech is None:
                    continue
                made += len(speech.pcm)
                self._ahead.add(len(speech.pcm) / self._rate)
                await send(speech)

    async def _speak(self, phonemes: Phonemes, made: int) -> Speech | None:
        """Make a phrase of a clause, of which so many samples come before it."""
        encoded = self._encode(phonemes)
        if encoded.places[0] == encoded.places[-1]:
            return None  # nothing of it has a sound
        began = anyio.current_time()
        wave, ends = await self._session.synthesise(encoded.inputs, encoded.tokens)
        took = anyio.current_time() - began
        first, last = _voiced(wave, self._rate)
        pause = PAUSES.get(phonemes.text[-1], 0.0)
        pcm = np.zeros(last - first + round(pause * self._rate), np.float32)
        sound = wave[first : first + len(pcm)]
        pcm[: len(sound)] = np.clip(sound, -1, 1)
        self._session.speed.add(len(phonemes.text), took, len(pcm) / self._rate)
        words = []
        for word, index in phonemes.words:
            # The space before it is how it begins: a closure, a breath.
            begins = index - 1 if index and phonemes.text[index - 1] == " " else index
            start = int(ends[encoded.places[begins] - 1]) - first
            words.append(SpokenWord(word, made + max(0, start)))
        return Speech(pcm, tuple(words))


def _voiced(wave: NDArray[np.float32], rate: int) -> tuple[int, int]:
    """Find where the sound begins and ends: the silence that a network adds is not speech."""
    loud = np.flatnonzero(np.abs(wave) > SILENCE * np.abs(wave).max())
    margin = round(MARGIN * rate)
    return max(0, int(loud[0]) - margin), min(len(wave), int(loud[-1]) + margin)
