"""Dia2 as published, quirks included: what recordings of the published runtime are compared with.

A prefix may lose words; position P - 1 after a prefix is decoded twice, and the delayed tail of the
prefix's codes is invented again; the end of the window is the end of speech; a script without words
is a breath of audio; the codec's transformers look at everything.
"""

from collections import abc
from typing import Any

import numpy as np
from torch import Tensor

from tts.dia2.generate import Generation, Words
from tts.dia2.mimi.codec import Mimi
from tts.dia2.network.delays import Codes
from tts.dia2.network.sampling import random_numbers
from tts.dia2.serving.sequence import Sequence
from tts.dia2.serving.stepper import Stepper
from tts.dia2.serving.windows import Prefix
from tts.dia2.text.prefix import SHIFT, Part, PrefixPlan, lay_out
from tts.dia2.text.script import Entry
from tts.dia2.text.tokenizer import Tokenizer
from tts.protocol import TextToSpeechError
from tts.voices.voice import Voice
from tts.voices.word import Word


class PublishedSequence(Sequence):
    """Repeats the published runtime to the last cell of the grid: every step makes audio.

    Without a prefix what comes out is the same as by default.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._needed_from = np.zeros_like(self._needed_from)

    def _first_step(self) -> int:
        return max(0, self.prefill_steps - 1)

    @property
    def crop(self) -> int | None:
        """As by default, but for a crop that would leave nothing."""
        crop = super().crop
        return 0 if self.finished and crop is not None and crop >= self.complete else crop


class PublishedGeneration(Generation):
    """Generates one window of a script; what does not fit is not spoken."""

    def check(self) -> None:
        """Any text will do."""

    def prompt(self, voices: abc.Sequence[Voice]) -> Prefix:
        """Recordings end where they end. Raises TextToSpeechError: another codec's voice."""
        return Prefix(*published_prompt(voices, self.bundle.tokenizer, self.bundle.mimi))

    def decode(self, codes: Codes) -> Tensor:
        """Codes to the waveform [samples], each position looking at all before it."""
        return self.bundle.mimi.decode(codes, window=None)

    def speak(self, stepper: Stepper) -> tuple[Codes, Words]:
        """The codes, and the words with their frames."""
        config, plan = self.bundle.config, self.prefix.plan
        sequence = PublishedSequence(
            config,
            bos=self.bundle.tokenizer.bos,
            uniforms=random_numbers(self.seed, config.max_steps, config.codebooks),
            sampling=self.sampling,
            initial_padding=self.initial_padding,
            prefix=plan if plan.frames else None,
            codes=self.prefix.codes if plan.frames else None,
            keep_prefix=self.include_prefix,
        )
        sequence.machine.add(self.entries)
        sequence.machine.close()
        self.run_sequence(stepper, sequence)
        return sequence.frames(), sequence.words()


def published_prompt(
    voices: abc.Sequence[Voice], tokenizer: Tokenizer, mimi: Mimi
) -> tuple[PrefixPlan, Codes]:
    """Lay out one or two voices as `tts.dia2.serving.prompt.prompt` does, but without silence."""
    for voice in voices:
        voice.check(mimi)
    parts = [Part(speaker, voice.words, voice.frames) for speaker, voice in enumerate(voices)]
    codes = np.concatenate([voice.codes for voice in voices], 1)
    return published_plan(parts, tokenizer, mimi.frame_rate), codes


def published_plan(
    parts: abc.Sequence[Part], tokenizer: Tokenizer, frame_rate: float = 12.5
) -> PrefixPlan:
    """Lay out one part of `[S1]`, and one of `[S2]` if wanted.

    The first speaker's steps are shifted by three and not the second's, so a step may fall on a
    word that is still being shown or beyond the end; the words left over are then spoken first.
    Raises TextToSpeechError on other parts.
    """
    if [part.speaker for part in parts] not in ([], [0], [0, 1]):
        raise TextToSpeechError("a voice for [S2] needs one for [S1], and there is no third")
    entries: list[Entry] = []
    steps: list[int] = []
    for part, shift in zip(parts, (SHIFT, parts[0].frames if parts else 0), strict=False):
        speaker = tokenizer.speakers[part.speaker]
        laid, at = words_to_entries(part.words, tokenizer, speaker, frame_rate)
        entries += laid
        steps += (step + shift for step in at)
    frames = sum(part.frames for part in parts)
    return PrefixPlan(tuple(entries), tuple(steps), frames, drains=False)


def words_to_entries(
    words: abc.Sequence[Word], tokenizer: Tokenizer, speaker: int, frame_rate: float
) -> tuple[list[Entry], list[int]]:
    """Lay out one recording's words: entries and new-word steps; `speaker` is a tag's token id."""
    entries, steps, _ = lay_out(words, tokenizer, speaker, frame_rate)
    return entries, steps
