"""The filler: a sign of life while the user waits, a soft tone or a few words."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agent.audio.earcon import earcon
from agent.audio.output import Output
from agent.audio.resample import Resampler
from agent.config.sections import ThinkingSettings
from agent.events import Event, WarningEvent
from agent.guards.foreign import only
from tts import TextToSpeech


class Filler:
    """A filler is a sound made in advance, and played when the policy says so."""

    def __init__(
        self, settings: ThinkingSettings, playback: Output, report: Callable[[Event], None]
    ) -> None:
        """`report` is told when the words cannot be spoken."""
        self._settings = settings
        self._playback = playback
        self._report = report
        self._tone: NDArray[np.float32] = earcon(playback.sample_rate)
        self._sound = self._tone

    async def prepare(self, tts: TextToSpeech) -> None:
        """Have the words spoken in advance: the voice is busy when they are wanted.

        Where the voice fails at it there is the tone, and a warning.
        """
        if self._settings.after is None or not self._settings.say:
            return
        try:
            async with tts.open() as utterance:
                await utterance.feed(self._settings.say)
                await utterance.finish()
                blocks = [speech.pcm async for speech in utterance]
        except Exception as error:  # noqa: BLE001  (P6: what is not said is not missed)
            message = f"thinking.say cannot be spoken: {only(error)}"
            self._report(WarningEvent("tts", "tts.filler", message))
            return
        resampler = Resampler(tts.sample_rate, self._playback.sample_rate, "high")
        whole = resampler.process(np.concatenate(blocks)) if blocks else self._sound
        self._sound = np.concatenate((whole, resampler.flush()))

    def play_tone(self) -> None:
        """Play the tone in the silence until the next reply begins: the agent listens."""
        self._playback.chime(self._tone)

    def play(self) -> None:
        """Play it in the silence until the reply begins."""
        self._playback.chime(self._sound)
