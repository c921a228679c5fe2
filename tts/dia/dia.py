"""The public model: a whole text in, speech out."""

import secrets
from collections.abc import Iterator, Sequence

import numpy as np

from tts.dia.bundle import Bundle, check_seed
from tts.dia.network.sampling import Sampling
from tts.dia.result import Result, Turn
from tts.dia.serving.prompt import of_voices
from tts.dia.serving.script import Progress, speak
from tts.dia.serving.utterance import Spoken, VoiceSettings
from tts.voices.voice import Voice


class Dia(Bundle):
    """Speaks whole texts. Blocking: it computes in the thread that calls it."""

    def generate(
        self,
        text: str,
        *,
        voices: Sequence[Voice] = (),
        sampling: Sampling | None = None,
        seed: int | None = None,
        progress: Progress = lambda _done, _all: None,
    ) -> Result:
        """Speak a text by the guidelines: in pieces of some seconds, each in the same voices.

        `[S1]` and `[S2]` name speakers; `voices` are what they sound like, `[S1]` first; without
        one the first piece decides. `progress` is called after each step with the seconds of speech
        that are done and how many there will be, by estimate; it may raise to stop. (`take` and
        `frames` speak a single text as it stands.) Raises TextToSpeechError.
        """
        seed = secrets.randbits(32) if seed is None else seed
        check_seed(seed)
        settings = VoiceSettings(sampling or self.sampling, seed)
        spoken: list[Spoken] = []
        prompt = of_voices(voices, self.codec)
        speech = list(speak(self, text, settings, prompt, progress=progress, spoken=spoken))
        nothing = np.zeros((0, self.config.codebooks), np.int32)
        return Result(
            np.concatenate([np.zeros(0, np.float32), *(each.pcm for each in speech)]),
            self.sample_rate,
            np.concatenate([nothing, *(each.codes for each in spoken)]),
            [turn for each in spoken for turn in _turns(each, self.sample_rate)],
            seed,
        )


def _turns(spoken: Spoken, sample_rate: int) -> Iterator[Turn]:
    """Each speaker's stretch of a piece, which takes its share of the time."""
    turns = spoken.piece.turns
    shares = np.cumsum([0, *(len(said) for _, said in turns)]) / len("".join(t for _, t in turns))
    times = (spoken.start + shares * (spoken.end - spoken.start)) / sample_rate
    for (speaker, said), start, end in zip(turns, times, times[1:], strict=False):
        yield Turn(f"S{speaker}", said, float(start), float(end))
