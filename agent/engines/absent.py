"""What stands in the place of ears and a voice where a conversation is in writing."""

from contextlib import AbstractAsyncContextManager

import numpy as np
from numpy.typing import NDArray

from stt import Recognition, SpeechToTextError
from tts import TextToSpeechError, Utterance


class NoVoice:
    """A voice that nobody asks to speak: answers are written."""

    sample_rate = 24000

    async def load(self) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do."""

    @property
    def voices(self) -> list[str]:
        """None that could be heard."""
        return []

    def in_voice(self, _name: str) -> "NoVoice":
        """Itself: whoever takes another voice goes on in writing."""
        return self

    def open(self) -> AbstractAsyncContextManager[Utterance]:
        """Raises TextToSpeechError: there is no sound in writing."""
        raise TextToSpeechError("this conversation is in writing: it has no voice")


class NoRecogniser:
    """A recogniser that nobody speaks to: turns are typed."""

    sample_rate = 16000

    async def load(self) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do."""

    def listen(self) -> AbstractAsyncContextManager[Recognition]:
        """Raises SpeechToTextError: nobody is heard in writing."""
        raise SpeechToTextError("this conversation is in writing: nobody is heard")


class NoVad:
    """A voice detector that hears no voice."""

    async def load(self) -> None:
        """Nothing to do."""

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        """No voice in any window of 512 samples."""
        return [0.0] * (len(pcm) // 512)

    def reset(self) -> None:
        """Nothing to do."""
