"""When the user has begun to speak, goes on, and has finished. Pure logic: no audio, no clock.

The detector is told the voice probability of one window after another, with the window's place
in time, and answers with what that means. How much silence ends a turn depends on how finished
the turn sounds and reads, which others judge in its pauses. Everything it knows is in its fields.
"""

from dataclasses import dataclass

from agent.config.sections import TurnSettings, VadSettings

NOTICED = 0.6
"""Of the probability at which speech begins: perhaps a voice."""

DISMISSED = 0.4
"""Seconds without another sign of it after which it was no voice. An agent that has lowered its own
meanwhile hears better whether there is one."""

GOING_ON = 2
"""Voiced windows in a row that show, in a pause, that the user goes on: one may be a click."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """Perhaps a voice, perhaps a click."""


@dataclass(frozen=True, slots=True)
class Dismissed:
    """It was a click."""


@dataclass(frozen=True, slots=True)
class Began:
    """Speech, not a click; `start` is when its first voiced window began, in seconds."""

    start: float


@dataclass(frozen=True, slots=True)
class Insisted:
    """`voice` seconds have been voiced, without a pause between them."""

    voice: float


@dataclass(frozen=True, slots=True)
class Paused:
    """The user may have finished: silence since `stop`. The turn's pauses are counted from 1."""

    pause: int
    stop: float


@dataclass(frozen=True, slots=True)
class WentOn:
    """The user had not finished."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The user has finished: voiced from `start` to `stop`. `cut`: no pause, but the limit."""

    start: float
    stop: float
    cut: bool
    why: str = ""
    certainty: float | None = None


Signal = Noticed | Dismissed | Began | Insisted | Paused | WentOn | Ended


class TurnDetector:
    """Voice probabilities to turns, with hysteresis between two thresholds."""

    _noticed: float | None  # where the last window ended that may have been voiced
    _start: float | None  # of the voice, be it a turn already or not yet
    _stop: float  # where the last voiced window ended
    _end: float  # where the last window ended
    _voice: float  # seconds of voiced windows since the turn's start or its last pause
    _told: int  # how many of `insistent` have been signalled since then
    _speaking: bool
    _pauses: int
    _paused: bool
    _doubtful: int  # voiced windows at the end of a pause: a click, or the user goes on
    _sound: float | None  # how finished the turn sounds, in this pause
    _words: float | None  # how finished it reads
    _reading: str  # and why

    def __init__(
        self, vad: VadSettings, turn: TurnSettings, insistent: tuple[float, ...] = (0.25, 1.0)
    ) -> None:
        """`insistent`: seconds of voice at which it is signalled that the user insists."""
        self._vad = vad
        self._turn = turn
        self._insistent = insistent
        self._forget()

    @property
    def speaking(self) -> bool:
        """Whether a turn has begun and not yet ended."""
        return self._speaking

    def update(
        self, probability: float, start: float, end: float, threshold: float | None = None
    ) -> list[Signal]:
        """What a window from `start` to `end` (seconds) with this voice probability means.

        `threshold`: where speech begins, when the settings' is not to be used.
        """
        self._end = end
        beginning = self._vad.start if threshold is None else threshold
        if self._start is None and probability < beginning:
            return self._nearly_voiced(end, probability >= NOTICED * beginning)
        in_voice = self._start is not None and not (self._paused and not self._doubtful)
        if probability >= (min(self._vad.stop, beginning) if in_voice else beginning):
            return self._voiced(start, end)
        return self._unvoiced()

    def judge(
        self, pause: int, *, sound: float | None = None, words: float | None = None, why: str = ""
    ) -> None:
        """How finished the turn sounds, or reads, in this pause: probabilities.

        A judgement of a pause that is over is ignored.
        """
        if not self._paused or pause != self._pauses:
            return
        if sound is not None:
            self._sound = sound
        if words is not None:
            self._words, self._reading = words, why

    def check(self) -> list[Signal]:
        """Whether the silence so far is enough, by what has been judged since the last window."""
        if not self._speaking or not self._paused or self._doubtful or self._start is None:
            return []
        wanted, why = self._wanted()
        if self._end - self._stop < wanted - 1e-9:
            return []
        ended = Ended(self._start, self._stop, cut=False, why=why, certainty=self.certainty)
        self._forget()
        return [ended]

    @property
    def certainty(self) -> float | None:
        """How surely the turn is finished, in this pause; None when nobody has said anything."""
        judged = [p for p in (self._sound, self._words) if p is not None]
        if not judged or self._turn.detector == "silence":
            return None
        # Two witnesses who know nothing of each other: their odds multiply (naive Bayes).
        odds = 1.0
        for judgement in judged:
            p = min(max(judgement, 0.02), 0.98)
            odds *= p / (1 - p)
        return odds / (1 + odds)

    @property
    def waiting(self) -> str:
        """What the pause's end is being waited for; empty when there is no pause."""
        return self._wanted()[1] if self._paused else ""

    def flush(self) -> list[Signal]:
        """What it means that no more audio will come: a turn that has begun is over."""
        signals: list[Signal] = []
        if self._speaking and self._start is not None:
            signals.append(Ended(self._start, self._stop, cut=False, why="no more sound"))
        self._forget()
        return signals

    def _nearly_voiced(self, end: float, perhaps: bool) -> list[Signal]:
        """Nobody speaks, or perhaps somebody begins to."""
        if perhaps:
            noticed, self._noticed = self._noticed, end
            return [Noticed()] if noticed is None else []
        if self._noticed is not None and end - self._noticed >= DISMISSED:
            self._noticed = None
            return [Dismissed()]
        return []

    def _voiced(self, start: float, end: float) -> list[Signal]:
        if self._start is None:
            noticed, self._noticed = self._noticed, end
            self._start = start
            self._voice, self._stop = end - start, end
            return [*([Noticed()] if noticed is None else []), *self._begin()]
        signals: list[Signal] = []
        if self._paused:
            self._doubtful += 1
            if self._doubtful < GOING_ON:
                return []
            signals = [WentOn()]
            self._paused = False
            if self._told:  # who has insisted once has to do so again, with new words
                self._voice, self._told = (GOING_ON - 1) * (end - start), 0
        self._voice += end - start
        self._stop = end
        return signals + self._begin() + self._cut()

    def _begin(self) -> list[Signal]:
        """A turn, once there is enough voice; and the user's insisting on it."""
        signals: list[Signal] = []
        if self._start is None:
            return signals
        if not self._speaking and self._voice >= self._turn.min_speech:
            self._speaking = True
            signals.append(Began(self._start))
        if self._speaking:
            while self._told < len(self._insistent) and self._voice >= self._insistent[self._told]:
                self._told += 1
                signals.append(Insisted(self._voice))
        return signals

    def _unvoiced(self) -> list[Signal]:
        assert self._start is not None
        self._doubtful = 0
        quiet = self._end - self._stop
        if not self._speaking:
            # A click may have a gap as long as itself before it stops being one sound.
            if quiet >= self._turn.min_speech:
                noticed = self._stop
                self._forget()
                self._noticed = noticed
            return []
        signals: list[Signal] = []
        if not self._paused and quiet >= self._turn.pause:
            self._paused = True
            self._pauses += 1
            self._sound = self._words = None
            self._reading = ""
            signals.append(Paused(self._pauses, self._stop))
        return signals + (self.check() or self._cut())

    def _wanted(self) -> tuple[float, str]:
        """How much silence ends the turn, and why."""
        turn, certainty = self._turn, self.certainty
        if certainty is None:
            return turn.silence, f"{turn.silence:.2f} s of silence"
        # The surer, the sooner; doubt costs little of the time at first and all of it in the end.
        if certainty >= 0.5:
            doubt = ((1 - certainty) / 0.5) ** 2
            wanted = turn.silence - max(turn.silence - turn.complete, 0) * (1 - doubt)
        else:
            wanted = turn.silence + max(turn.unfinished - turn.silence, 0) * (1 - certainty / 0.5)
        heard = [] if self._sound is None else [f"sounds {self._sound:.2f} finished"]
        read = [self._reading] if self._reading else []
        return wanted, f"{wanted:.2f} s of silence: {', '.join(heard + read) or 'unsure'}"

    def _cut(self) -> list[Signal]:
        """A monologue longer than the limit becomes turns without a pause between them."""
        if not self._speaking or self._start is None:
            return []
        end = self._end
        if end - self._start < self._turn.max_length:
            return []
        ended = Ended(self._start, self._stop, cut=True, why="the longest turn allowed")
        self._forget()
        self._start = self._stop = end
        self._speaking = True
        return [ended, Began(end)]

    def _forget(self) -> None:
        self._noticed = None
        self._start = None
        self._stop = self._end = 0.0
        self._voice = 0.0
        self._told = 0
        self._speaking = False
        self._pauses = 0
        self._paused = False
        self._doubtful = 0
        self._sound = self._words = None
        self._reading = ""
