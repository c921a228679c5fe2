"""The prompt: voices, one after the other, as codes and a plan of their words."""

from collections.abc import Sequence

import numpy as np

from tts.dia2.mimi.codec import Mimi
from tts.dia2.network.delays import Codes
from tts.dia2.text.prefix import Part, PrefixPlan, frames_needed, plan
from tts.dia2.text.tokenizer import Tokenizer
from tts.protocol import TextToSpeechError
from tts.voices.voice import Voice

SPEAKERS = 2


def prompt(voices: Sequence[Voice], tokenizer: Tokenizer, mimi: Mimi) -> tuple[PrefixPlan, Codes]:
    """Lay out one or two voices, `[S1]` first: the plan, and its codes [codebooks, plan.frames].

    A recording that ends too soon after its last word is followed by silence, so that every word
    has been taken when the prompt ends.

    Raises TextToSpeechError: no voice or more than two, or one that another codec wrote.
    """
    if not 1 <= len(voices) <= SPEAKERS:
        raise TextToSpeechError(f"there are two speakers, [S1] and [S2], not {len(voices)}")
    parts: list[Part] = []
    codes: list[Codes] = []
    for speaker, voice in enumerate(voices):
        voice.check(mimi)
        needed = frames_needed(voice.words, tokenizer, speaker, mimi.frame_rate)
        padded = with_tail(voice.codes, needed, mimi)
        parts.append(Part(speaker, voice.words, padded.shape[1]))
        codes.append(padded)
    return plan(parts, tokenizer, mimi.frame_rate), np.concatenate(codes, 1)


def with_tail(codes: Codes, frames: int, mimi: Mimi) -> Codes:
    """Pad `codes` [codebooks, n] with silence to `frames` in all; longer ones stay as they are."""
    missing = frames - codes.shape[1]
    if missing <= 0:
        return codes
    silence = mimi.encode(np.zeros(missing * mimi.frame_size, np.float32))
    return np.concatenate((codes, silence.cpu().numpy().astype(np.int32)), 1)
