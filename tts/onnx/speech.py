"""Speech of a clause: phonemes as a network's numbers, words' times in what it makes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts.espeak.phonemes import Phonemes
from tts.onnx.session import VoiceSession
from tts.protocol import Speech, SpokenWord
from tts.utterance import Send

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


async def speak(
    session: VoiceSession,
    rate: int,
    pieces: Iterable[Phonemes],
    encode: Callable[[Phonemes], Encoded],
    send: Send,
) -> None:
    """Synthesise the pieces of a clause in order, at `rate` Hz. Raises TextToSpeechError."""
    made = 0  # samples of the clause so far
    for phonemes in pieces:
        encoded = encode(phonemes)
        if encoded.places[0] == encoded.places[-1]:
            continue  # nothing of it has a sound
        wave, ends = await session.synthesise(encoded.inputs, encoded.tokens)
        first, last = _voiced(wave, rate)
        pause = PAUSES.get(phonemes.text[-1], 0.0)
        pcm = np.zeros(last - first + round(pause * rate), np.float32)
        sound = wave[first : first + len(pcm)]
        pcm[: len(sound)] = np.clip(sound, -1, 1)
        words = []
        for word, index in phonemes.words:
            # The space before it is how it begins: a closure, a breath.
            begins = index - 1 if index and phonemes.text[index - 1] == " " else index
            start = int(ends[encoded.places[begins] - 1]) - first
            words.append(SpokenWord(word, made + max(0, start)))
        await send(Speech(pcm, tuple(words)))
        made += len(pcm)


def _voiced(wave: NDArray[np.float32], rate: int) -> tuple[int, int]:
    """Find where the sound begins and ends: the silence that a network adds is not speech."""
    loud = np.flatnonzero(np.abs(wave) > SILENCE * np.abs(wave).max())
    margin = round(MARGIN * rate)
    return max(0, int(loud[0]) - margin), min(len(wave), int(loud[-1]) + margin)
