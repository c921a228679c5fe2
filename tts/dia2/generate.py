"""Offline generation: a whole script to a waveform."""

import secrets
from collections import abc
from collections.abc import Callable
from itertools import count

import numpy as np
from torch import Tensor

from tts.dia2.bundle import Bundle
from tts.dia2.network.delays import Codes
from tts.dia2.network.sampling import Sampling, random_numbers
from tts.dia2.result import Result
from tts.dia2.serving.graph_stepper import new_stepper
from tts.dia2.serving.prompt import prompt
from tts.dia2.serving.sequence import Sequence
from tts.dia2.serving.stepper import Stepper
from tts.dia2.serving.windows import Prefix, Window, check_length
from tts.dia2.text.script import parse_script
from tts.protocol import TextToSpeechError
from tts.voices.voice import Voice

Progress = Callable[[int, int | None], None]
Words = list[tuple[str, int]]

LARGEST_SEED = (1 << 63) - 1


class Generation:
    """Generates the speech of one script, as it stands: text, or lines of it.

    `[S1]` and `[S2]` name speakers; `voices` are what they sound like, `[S1]` first; without one
    the model picks one. With `include_prefix` the voices come out, too. What does not fit into the
    window of two minutes goes on in further ones.
    """

    def __init__(
        self,
        bundle: Bundle,
        script: str | abc.Sequence[str],
        *,
        voices: abc.Sequence[Voice] = (),
        sampling: Sampling | None = None,
        seed: int | None = None,
        initial_padding: int = 2,
        include_prefix: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """`progress` is called after each step with how many words and pauses have been taken, and
        how many there are; it may raise to stop.

        Raises TextToSpeechError, also for a script without a letter or digit, and for a word that
        is longer than a window has room for.
        """
        self.bundle = bundle
        self.entries = tuple(parse_script(script, bundle.tokenizer, bundle.frame_rate))
        self.check()
        self.seed = secrets.randbits(32) if seed is None else seed
        if not 0 <= self.seed <= LARGEST_SEED:
            raise TextToSpeechError(
                f"a seed is a whole number from 0 to {LARGEST_SEED}, not {seed}"
            )
        scale = 2.0 if bundle.model.branches > 1 else 1.0
        self.sampling = sampling or Sampling(scale=scale)
        self.initial_padding = initial_padding
        self.include_prefix = include_prefix
        self.prefix = self.prompt(voices) if voices else Prefix.nothing(bundle.config)
        self._progress = progress or _quiet

    def run(self) -> Result:
        """Speak. Raises TextToSpeechError if somebody else uses the bundle."""
        bundle = self.bundle
        with bundle.exclusively():
            codes, words = self.speak(new_stepper(bundle.model, bundle.graphs))
        times = [(text, frame / bundle.frame_rate) for text, frame in words]
        # A control id, which only a top-k of next to nothing lets through, is no code of the codec.
        waveform = self.decode(codes.clip(0, bundle.mimi.config.codebook_size - 1))
        return Result(waveform.cpu().numpy(), bundle.sample_rate, codes, times, self.seed)

    def check(self) -> None:
        """Raise TextToSpeechError if there is nothing to say, or a word is too long for it."""
        if not any(letter.isalnum() for entry in self.entries for letter in entry.text):
            raise TextToSpeechError("nothing to say: the script has no words")
        check_length(self.entries, self.bundle.config)

    def prompt(self, voices: abc.Sequence[Voice]) -> Prefix:
        """What is fed first. Raises TextToSpeechError: another model's voices, or too many."""
        return Prefix(*prompt(voices, self.bundle.tokenizer, self.bundle.mimi))

    def decode(self, codes: Codes) -> Tensor:
        """Codes to the waveform [samples]."""
        return self.bundle.mimi.decode(codes)

    def speak(self, stepper: Stepper) -> tuple[Codes, Words]:
        """Window after window, cut where a stream of the same text would be.

        Gives the codes, and the words with their frames.
        """
        config, tokenizer = self.bundle.config, self.bundle.tokenizer
        speakers = tokenizer.speakers if tokenizer.has_speakers else ()
        self.prefix.check(config, self.bundle.frame_rate)
        plan = self.prefix.plan
        frames: list[Codes] = [self.prefix.codes] if self.include_prefix else []
        words: Words = []
        if self.include_prefix:
            texts = [entry.text for entry in plan.entries]
            words += zip(texts, plan.new_word_steps, strict=True)
        prefix, left = self.prefix, self.entries
        for number in count():
            window = Window(
                config,
                prefix,
                bos=tokenizer.bos,
                uniforms=random_numbers(self.seed + number, config.max_steps, config.codebooks),
                sampling=self.sampling,
                initial_padding=self.initial_padding,
            )
            window.add(left)
            window.machine.close()
            cut = self.run_sequence(stepper, window, window.cut)
            fresh, told = window.frames(), window.words()
            if cut is not None:
                end = cut - (window.crop or 0)
                fresh, told = fresh[:, :end], [word for word in told if word[1] < end]
            said = sum(each.shape[1] for each in frames)
            frames.append(fresh)
            words += ((text, said + frame) for text, frame in told)
            if cut is None:
                break
            prefix, left = window.following(cut, self.prefix, speakers)
            if not any(entry.tokens for entry in left):
                break
        return np.concatenate(frames, axis=1), words

    def run_sequence(
        self, stepper: Stepper, sequence: Sequence, cut: Callable[[], int | None] = lambda: None
    ) -> int | None:
        """Step a sequence to its end or, if it comes earlier, to its cut."""
        slot = stepper.admit(sequence)
        try:
            while not sequence.finished:
                stepper.step()
                left = min(len(sequence.machine.queue), len(self.entries))
                self._progress(len(self.entries) - left, len(self.entries))
                if (at := cut()) is not None:
                    return at
        finally:
            stepper.release(slot)
        return None


def _quiet(taken: int, of: int | None) -> None:
    """No progress is shown."""
