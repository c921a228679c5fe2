"""When the user has begun to speak, goes on, and has finished. Pure logic: no audio, no clock.

The detector is told the voice probability of one window after another, with the window's place
in time, and answers with what that means. Everything it knows is in its fields.
"""

from dataclasses import dataclass

from agent.settings import TurnSettings, VadSettings


@dataclass(frozen=True, slots=True)
class Began:
    """Speech, not a click; `start` is when its first voiced window began, in seconds."""

    start: float


@dataclass(frozen=True, slots=True)
class Insisted:
    """There has been enough voice to mean it: the user wants the floor."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The user has finished: voiced from `start` to `stop`. `cut`: no pause, but the limit."""

    start: float
    stop: float
    cut: bool


Signal = Began | Insisted | Ended


class TurnDetector:
    """Voice probabilities to turns, with hysteresis between two thresholds."""

    _start: float | None  # of the voice, be it a turn already or not yet
    _stop: float  # where the last voiced window ended
    _voice: float  # seconds of voiced windows
    _speaking: bool
    _insisted: bool

    def __init__(self, vad: VadSettings, turn: TurnSettings) -> None:
        self._vad = vad
        self._turn = turn
        self._forget()

    @property
    def speaking(self) -> bool:
        """Whether a turn has begun and not yet ended."""
        return self._speaking

    def update(self, probability: float, start: float, end: float) -> list[Signal]:
        """What a window from `start` to `end` (seconds) with this voice probability means."""
        in_voice = self._start is not None
        if probability >= (self._vad.stop if in_voice else self._vad.start):
            return self._voiced(start, end)
        return self._unvoiced(end)

    def flush(self) -> list[Signal]:
        """What it means that no more audio will come: a turn that has begun is over."""
        signals: list[Signal] = []
        if self._speaking and self._start is not None:
            signals.append(Ended(self._start, self._stop, cut=False))
        self._forget()
        return signals

    def _voiced(self, start: float, end: float) -> list[Signal]:
        if self._start is None:
            self._start = start
        self._voice += end - start
        self._stop = end
        signals: list[Signal] = []
        if not self._speaking and self._voice >= self._turn.min_speech:
            self._speaking = True
            signals.append(Began(self._start))
        if self._speaking and not self._insisted and self._voice >= self._turn.min_interruption:
            self._insisted = True
            signals.append(Insisted())
        return signals + self._cut(end)

    def _unvoiced(self, end: float) -> list[Signal]:
        if self._start is None:
            return []
        quiet = end - self._stop
        if not self._speaking:
            # A click may have a gap as long as itself before it stops being one sound.
            if quiet >= self._turn.min_speech:
                self._forget()
            return []
        if quiet >= self._turn.silence:
            signals: list[Signal] = [Ended(self._start, self._stop, cut=False)]
            self._forget()
            return signals
        return self._cut(end)

    def _cut(self, end: float) -> list[Signal]:
        """A monologue longer than the limit becomes turns without a pause between them."""
        if not self._speaking or self._start is None or end - self._start < self._turn.max_length:
            return []
        ended = Ended(self._start, self._stop, cut=True)
        self._start, self._stop, self._voice, self._insisted = end, end, 0.0, False
        return [ended, Began(end)]

    def _forget(self) -> None:
        self._start = None
        self._stop = 0.0
        self._voice = 0.0
        self._speaking = False
        self._insisted = False
