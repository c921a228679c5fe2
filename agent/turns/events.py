"""What the user does, as the stages tell one another: sound, signals of turns, and words.

The seven signals come from the turn detector, which numbers the turns from 1. Audio is added by the
segmenter, words by the transcriber. Times are `anyio.current_time()` seconds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tts import SpokenTurn


@dataclass(frozen=True, slots=True)
class SpeechCandidate:
    """Perhaps a voice, perhaps a click: a turn follows, or `SpeechRejected`."""


@dataclass(frozen=True, slots=True)
class SpeechRejected:
    """It was a click."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Turn `turn` has begun: `start` is when its first voiced window did.

    `manual`: nobody listens for a voice in it; it is what is heard until somebody commits it.
    """

    turn: int
    start: float
    manual: bool = False


@dataclass(frozen=True, slots=True)
class SpeechProgress:
    """`voice` seconds have been voiced without a pause: since the turn began, or went on.

    `level`: that of the turn's voice so far in dBFS, where it is known (`VoiceLevel`); `pitch`: in
    semitones (`VoicePitch`).
    """

    turn: int
    voice: float
    level: float | None = None
    pitch: float | None = None


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The turn may be over: silence since `stop`. Its pauses are counted from 1."""

    turn: int
    pause: int
    stop: float


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """It was not over: the user goes on."""

    turn: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The turn is over: voiced from `start` to `stop`.

    `cut`: there was no pause, but the turn was as long as one may be. `why` it was decided, and how
    surely the turn sounded finished, where that is known. `decided`: when; the detector, which has
    no clock, leaves it to the segmenter. `committed`: somebody said so; `dropped`: and that it is
    not to be understood. `level`, `pitch`: as in `SpeechProgress`.
    """

    turn: int
    start: float
    stop: float
    cut: bool
    why: str = ""
    certainty: float | None = None
    decided: float = 0.0
    dropped: bool = False
    committed: bool = False
    level: float | None = None
    pitch: float | None = None

    @property
    def speech_s(self) -> float:
        """Seconds from the first voiced sample to the last."""
        return self.stop - self.start


Signal = (
    SpeechCandidate
    | SpeechRejected
    | SpeechStarted
    | SpeechProgress
    | SpeechPaused
    | SpeechResumed
    | SpeechEnded
)
"""What the turn detector says."""


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """More of the turn: 16 kHz mono float32 [n]."""

    turn: int
    pcm: NDArray[np.float32]


UserSpeech = Signal | SpeechAudio
"""What the segmenter sends."""


@dataclass(frozen=True, slots=True)
class TurnTranscript:
    """What the recogniser makes of the turn so far; `final` when that is all.

    `sound`: how it sounded, with the final words, where somebody wants to know. `language`: a code
    such as en, where the recogniser tells.
    """

    turn: int
    text: str
    final: bool
    sound: SpokenTurn | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class PreemptiveTranscript:
    """All words of the turn, should its pause number `pause` turn out to be its end."""

    turn: int
    pause: int
    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    """The recogniser failed on the turn: something was said, nobody knows what."""

    turn: int
    why: str = ""


TurnEvent = (
    SpeechProgress
    | SpeechPaused
    | SpeechResumed
    | SpeechEnded
    | TurnTranscript
    | PreemptiveTranscript
    | TranscriptionFailed
)
"""What is about a turn that has begun."""

UserWords = SpeechCandidate | SpeechRejected | SpeechStarted | TurnEvent
"""What the transcriber sends."""
