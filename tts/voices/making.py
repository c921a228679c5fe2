"""Making a voice: from what the model itself has said, or from a recording of somebody."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tts.estimate import estimate_words
from tts.protocol import TextToSpeechError
from tts.voices.voice import NAMES, Engine, Voice, signature
from tts.voices.word import Word

if TYPE_CHECKING:
    from tts.dia2.result import Result
    from tts.voices.codec import Codec

LONGEST_S: Mapping[Engine, float] = {"dia2": 60.0, "dia": 20.0}
SHORTEST_S = 1.0
GOOD_S: Mapping[Engine, tuple[float, float]] = {"dia2": (3.0, 20.0), "dia": (5.0, 10.0)}
"""Less does not say much about a voice; more takes time and leaves less room for the reply."""

_LEAD = 2
"""Frames after a word's beginning at which a prompt takes it."""

_TAIL_S: Mapping[Engine, float] = {"dia2": 0.6, "dia": 0.1}
"""Of silence after the last word, so that it is not cut, and the prompt can end."""
_BEFORE_S, _AFTER_S = 0.1, 0.25  # kept around the sound
_WINDOW_S = 0.02
_SILENT = 0.003  # the loudest window of a silent recording: -50 dBFS
_BELOW = 0.01  # a window this much below the loudest is silence: -40 dB


def from_result(
    name: str, result: "Result", codec: "Codec", provenance: Mapping[str, str] | None = None
) -> Voice:
    """Make a voice from what the model said by itself, without a voice.

    A word's time is such that a prompt takes it just where the model took it up.
    Raises TextToSpeechError if no word was said, or so many that it took too long.
    """
    rate = codec.frame_rate
    seconds = len(result.waveform) / result.sample_rate
    longest = LONGEST_S["dia2"]
    if seconds > longest:
        raise TextToSpeechError(
            f"it took {seconds:.0f} s to say that, the limit is {longest:.0f} s: shorten the text"
        )
    sound = _sound(result.waveform, result.sample_rate)
    if not result.words or sound is None:
        raise TextToSpeechError("the model said nothing: try another seed")
    steps = [round(at * rate) for _, at in result.words]
    early = max(0, _LEAD + 1 - steps[0])  # no prompt can take a word that soon: a bit of silence
    silence = codec.encode(np.zeros(early * codec.frame_size, np.float32)).cpu().numpy()
    codes = np.concatenate((silence, result.audio_tokens), 1).astype(np.int32)
    starts = [(step + early - _LEAD) / rate for step in steps]
    end = max(starts[-1] + 1 / rate, sound[1] / result.sample_rate + early / rate)
    words = tuple(
        Word(text, start, stop)
        for (text, _), (start, stop) in zip(result.words, pairwise([*starts, end]), strict=True)
    )
    return Voice(name, codes, words, signature(codec), rate, provenance=dict(provenance or {}))


def from_take(
    name: str,
    codes: NDArray[np.int32],
    text: str,
    codec: "Codec",
    provenance: Mapping[str, str] | None = None,
) -> Voice:
    """Make a voice from codes [codebooks, frames] in which Dia said a text, without a voice.

    When it said which word is an estimate. Raises TextToSpeechError if there is no sound.
    """
    wave = codec.decode(codes).cpu().numpy() if codes.shape[1] else np.zeros(0, np.float32)
    sound = _sound(wave, codec.sample_rate)
    if sound is None:
        raise TextToSpeechError("the model said nothing: try another seed")
    if len(wave) > LONGEST_S["dia"] * codec.sample_rate:
        raise TextToSpeechError(
            f"it took {len(wave) / codec.sample_rate:.0f} s to say that, the limit is "
            f"{LONGEST_S['dia']:.0f} s: shorten the text, or try another seed"
        )
    begin, end = (at / codec.sample_rate for at in sound)
    spoken = estimate_words(text, sound[1] - sound[0])
    starts = [begin + word.start / codec.sample_rate for word in spoken]
    words = tuple(
        Word(word.text, start, stop)
        for word, (start, stop) in zip(spoken, pairwise([*starts, end]), strict=True)
    )
    return Voice(
        name,
        codes.astype(np.int32),
        words,
        signature(codec),
        codec.frame_rate,
        provenance=dict(provenance or {}),
        engine="dia",
    )


def check_recording(
    pcm: NDArray[np.float32], sample_rate: int, engine: Engine = "dia2"
) -> list[str]:
    """Say what is less than good about a recording, in sentences; nothing if all is well.

    Raises TextToSpeechError if no voice can be made from it: silence, too short, too long.
    """
    sound = _sound(pcm, sample_rate)
    if sound is None:
        raise TextToSpeechError("there is only silence in the recording: record it again, louder")
    seconds = (sound[1] - sound[0]) / sample_rate
    least, most = GOOD_S[engine]
    best = f"{least:.0f} to {most:.0f} s are best for {NAMES[engine]}"
    if seconds > LONGEST_S[engine]:
        raise TextToSpeechError(
            f"the recording is {seconds:.0f} s long, the limit is {LONGEST_S[engine]:.0f} s: {best}"
        )
    if seconds < SHORTEST_S:
        raise TextToSpeechError(f"there are only {seconds:.1f} s of sound in the recording: {best}")
    warnings = []
    if not least <= seconds <= most:
        warnings.append(f"the recording has {seconds:.1f} s of sound, {best}")
    if sample_rate < 16_000:
        warnings.append(
            f"the recording has {sample_rate} Hz, and the voice will sound like a telephone: "
            "24000 Hz or more are best"
        )
    return warnings


def trim(
    pcm: NDArray[np.float32], sample_rate: int, words: Sequence[Word] | None = None
) -> tuple[NDArray[np.float32], tuple[Word, ...]]:
    """Cut the silence off both ends of a recording [n], and move its words to their new times.

    Raises TextToSpeechError if the words cannot be those of the recording, or it is silent.
    """
    sound = _sound(pcm, sample_rate)
    if sound is None:
        raise TextToSpeechError("there is only silence in the recording")
    words = list(words or ())
    _check_words(words, len(pcm) / sample_rate)
    first, last = sound
    if words:  # a soft word at either end is not silence
        first = min(first, round(words[0].start * sample_rate))
        last = max(last, min(len(pcm), round(words[-1].end * sample_rate)))
    first = max(0, first - round(_BEFORE_S * sample_rate))
    last = min(len(pcm), last + round(_AFTER_S * sample_rate))
    begin, length = first / sample_rate, (last - first) / sample_rate
    shifted = (
        replace(word, start=word.start - begin, end=min(length, word.end - begin)) for word in words
    )
    return pcm[first:last], tuple(shifted)


def from_recording(
    name: str,
    pcm: NDArray[np.float32],
    words: Sequence[Word],
    codec: "Codec",
    provenance: Mapping[str, str] | None = None,
    *,
    engine: Engine = "dia2",
) -> Voice:
    """Make a voice from a recording [n] at the codec's rate, as `trim` gives it, and its words.

    Silence is added where the recording ends soon after the last word. Raises TextToSpeechError if
    there are no words, or they cannot be those of the recording.
    """
    if not words:
        raise TextToSpeechError("there are no words in the recording: say a few sentences in it")
    _check_words(words, len(pcm) / codec.sample_rate)
    missing = round((words[-1].end + _TAIL_S[engine]) * codec.sample_rate) - len(pcm)
    wave = np.pad(pcm, (0, max(0, missing)))
    codes = codec.encode(wave).cpu().numpy().astype(np.int32)
    return Voice(
        name,
        codes,
        tuple(words),
        signature(codec),
        codec.frame_rate,
        provenance=dict(provenance or {}),
        engine=engine,
    )


def _check_words(words: Sequence[Word], seconds: float) -> None:
    """Raise TextToSpeechError if they are not in order, or go on after the recording's end."""
    before = 0.0
    for word in words:
        if not word.text.strip() or not before <= word.start <= word.end:
            raise TextToSpeechError(
                f"the word '{word.text}' ({word.start:g} to {word.end:g} s) is empty, or out of "
                f"order after {before:g} s"
            )
        before = word.start
    if words and words[-1].end > seconds + 0.5:
        raise TextToSpeechError(
            f"the words go on until {words[-1].end:.1f} s, the recording ends at {seconds:.1f} s: "
            "they are of another recording"
        )


def _sound(pcm: NDArray[np.float32], sample_rate: int) -> tuple[int, int] | None:
    """Find the first and last sample of what is not silence; None if everything is."""
    size = max(1, round(_WINDOW_S * sample_rate))
    windows = np.pad(pcm, (0, -len(pcm) % size)).reshape(-1, size)
    loudness = np.sqrt(np.square(windows, dtype=np.float64).mean(1))
    loudest = loudness.max(initial=0.0)
    if loudest < _SILENT:
        return None
    (heard,) = np.nonzero(loudness >= max(_SILENT / 3, _BELOW * loudest))
    return int(heard[0]) * size, min(len(pcm), (int(heard[-1]) + 1) * size)
