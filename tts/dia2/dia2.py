"""The public model: a whole script in, speech out."""

from collections.abc import Sequence

from tts.dia2.bundle import Bundle
from tts.dia2.generate import Generation, Progress
from tts.dia2.network.sampling import Sampling
from tts.dia2.result import Result
from tts.voices.voice import Voice


class Dia2(Bundle):
    """Speaks whole scripts. Blocking: it computes in the thread that calls it."""

    def generate(
        self,
        script: str | Sequence[str],
        *,
        voices: Sequence[Voice] = (),
        sampling: Sampling | None = None,
        seed: int | None = None,
        initial_padding: int = 2,
        include_prefix: bool = False,
        progress: Progress | None = None,
    ) -> Result:
        """Speak a whole script: see `tts.dia2.generate.Generation`. Raises TextToSpeechError."""
        return Generation(
            self,
            script,
            voices=voices,
            sampling=sampling,
            seed=seed,
            initial_padding=initial_padding,
            include_prefix=include_prefix,
            progress=progress,
        ).run()
