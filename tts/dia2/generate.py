"""Offline: a whole script to a waveform."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from tts.dia2.bundle import Bundle
from tts.dia2.network.delays import Codes
from tts.dia2.network.sampling import Sampling, random_numbers
from tts.dia2.result import Result
from tts.dia2.serving.graph_stepper import new_stepper
from tts.dia2.serving.prompt import prompt
from tts.dia2.serving.sequence import Take
from tts.dia2.serving.stepper import Stepper
from tts.dia2.serving.windows import Prefix, Window, check_length
from tts.dia2.text.script import Entry, parse_script
from tts.dia2.voices.voice import Voice
from tts.protocol import TextToSpeechError

Progress = Callable[[int, int | None], None]
Words = list[tuple[str, int]]

LARGEST_SEED = (1 << 63) - 1


def generate(
    bundle: Bundle,
    script: str | Sequence[str],
    *,
    voices: Sequence[Voice] = (),
    sampling: Sampling | None = None,
    seed: int | None = None,
    initial_padding: int = 2,
    include_prefix: bool = False,
    reference: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Speak a whole script, as it stands: text, or lines of it; `[S1]` and `[S2]` name speakers.

    `voices` are what the speakers sound like, `[S1]` first; without one the model picks one. With
    `include_prefix` they come out, too. What does not fit into the window of two minutes goes on
    in further ones. With `reference` everything is as published: the prefix with its defects, the
    end of the window as the end of speech, a breath of audio for a script without words.

    `progress` is called after each step with how many words and pauses have been taken, and how
    many there are; it may raise to stop. Raises TextToSpeechError, also for a script without a
    letter or digit, and for a word that is longer than a window has room for.
    """
    entries = tuple(parse_script(script, bundle.tokenizer, bundle.frame_rate))
    if not reference:
        _check(entries)
        check_length(entries, bundle.config)
    seed = secrets.randbits(32) if seed is None else seed
    if not 0 <= seed <= LARGEST_SEED:
        raise TextToSpeechError(f"a seed is a whole number from 0 to {LARGEST_SEED}, not {seed}")
    sampling = sampling or Sampling(scale=2.0 if bundle.model.branches > 1 else 1.0)
    opening = Prefix.nothing(bundle.config)
    if voices:
        opening = Prefix(*prompt(voices, bundle.tokenizer, bundle.mimi, reference=reference))
    job = _Job(bundle, entries, opening, sampling, seed, initial_padding, progress or _quiet)
    with bundle.exclusively():
        stepper = new_stepper(bundle.model, bundle.graphs)
        if reference:
            codes, words = job.as_published(stepper, include_prefix=include_prefix)
        else:
            codes, words = job.speak(stepper, include_prefix=include_prefix)
    # A control id, which only a top-k of next to nothing lets through, is no code of the codec.
    known = codes.clip(0, bundle.mimi.config.codebook_size - 1)
    waveform = bundle.mimi.decode(known, window=None if reference else "codec")
    times = [(text, frame / bundle.frame_rate) for text, frame in words]
    return Result(waveform.cpu().numpy(), bundle.sample_rate, codes, times, seed)


@dataclass(frozen=True)
class _Job:
    """What is to be spoken, and how. Its ways of speaking give codes, and words with frames."""

    bundle: Bundle
    entries: tuple[Entry, ...]
    opening: Prefix
    sampling: Sampling
    seed: int
    initial_padding: int
    progress: Progress

    def speak(self, stepper: Stepper, *, include_prefix: bool) -> tuple[Codes, Words]:
        """Window after window, cut where a stream of the same text would be."""
        config, tokenizer = self.bundle.config, self.bundle.tokenizer
        speakers = tokenizer.speakers if tokenizer.has_speakers else ()
        self.opening.check(config, self.bundle.frame_rate)
        plan = self.opening.plan
        frames: list[Codes] = [self.opening.codes] if include_prefix else []
        words: Words = []
        if include_prefix:
            texts = [entry.text for entry in plan.entries]
            words += zip(texts, plan.new_word_steps, strict=True)
        opening, left = self.opening, self.entries
        for number in count():
            window = Window(
                config,
                opening,
                bos=tokenizer.bos,
                uniforms=random_numbers(self.seed + number, config.max_steps, config.codebooks),
                sampling=self.sampling,
                initial_padding=self.initial_padding,
            )
            window.add(left)
            window.machine.close()
            cut = self._run(stepper, window, window.cut)
            fresh, told = window.frames(), window.words()
            if cut is not None:
                end = cut - (window.crop or 0)
                fresh, told = fresh[:, :end], [word for word in told if word[1] < end]
            said = sum(each.shape[1] for each in frames)
            frames.append(fresh)
            words += ((text, said + frame) for text, frame in told)
            if cut is None:
                break
            opening, left = window.following(cut, self.opening, speakers)
            if not any(entry.tokens for entry in left):
                break
        return np.concatenate(frames, axis=1), words

    def as_published(self, stepper: Stepper, *, include_prefix: bool) -> tuple[Codes, Words]:
        """One window, and what does not fit is not spoken."""
        config, plan = self.bundle.config, self.opening.plan
        take = Take(
            config,
            bos=self.bundle.tokenizer.bos,
            uniforms=random_numbers(self.seed, config.max_steps, config.codebooks),
            sampling=self.sampling,
            initial_padding=self.initial_padding,
            prefix=plan if plan.frames else None,
            codes=self.opening.codes if plan.frames else None,
            keep_prefix=include_prefix,
            reference=True,
        )
        take.machine.add(self.entries)
        take.machine.close()
        self._run(stepper, take)
        return take.frames(), take.words()

    def _run(
        self, stepper: Stepper, take: Take, cut: Callable[[], int | None] = lambda: None
    ) -> int | None:
        """Step a take to its end or, if it comes earlier, to its cut."""
        slot = stepper.admit(take)
        try:
            while not take.finished:
                stepper.step()
                left = min(len(take.machine.queue), len(self.entries))
                self.progress(len(self.entries) - left, len(self.entries))
                if (at := cut()) is not None:
                    return at
        finally:
            stepper.release(slot)
        return None


def _quiet(taken: int, of: int | None) -> None:
    """No progress is shown."""


def _check(entries: Sequence[Entry]) -> None:
    """Raise TextToSpeechError if there is nothing to say."""
    if not any(letter.isalnum() for entry in entries for letter in entry.text):
        raise TextToSpeechError("nothing to say: the script has no words")
