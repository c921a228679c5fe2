"""The turn detector: when the user begins to speak, goes on, and has finished. No audio, no clock.

The detector is told the voice probability p of one window after another, with the window's place
in time, and answers with signals (`agent.turns.events`). Its states (`UserState`), what leads from
one to the next, and what is signalled then:

    IDLE      ─ p ≥ .6·start ─▶ NOTICED         SpeechCandidate
    IDLE      ─ p ≥ start ─▶ CANDIDATE          SpeechCandidate
    NOTICED   ─ p ≥ start ─▶ CANDIDATE
    NOTICED   ─ 0.4 s of less ─▶ IDLE           SpeechRejected
    CANDIDATE ─ voice ≥ min_speech ─▶ SPEAKING  SpeechStarted
    CANDIDATE ─ quiet ≥ min_speech ─▶ NOTICED
    SPEAKING  ─ quiet ≥ pause ─▶ PAUSED         SpeechPaused
    PAUSED    ─ two windows of voice ─▶ SPEAKING  SpeechResumed
    PAUSED    ─ quiet ≥ wanted ─▶ IDLE          SpeechEnded
    SPEAKING, PAUSED ─ max_length ─▶ SPEAKING   SpeechEnded (cut), SpeechStarted: the next turn
    SPEAKING, PAUSED ─ no more sound ─▶ IDLE    SpeechEnded

`SpeechProgress` comes at given lengths of voice. How much silence is `wanted` depends on how
finished the turn sounds and reads, which others judge in its pauses (`judge`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import count

from agent.config.sections import TurnSettings, VadSettings
from agent.turns.certainty import log_odds, probability
from agent.turns.events import (
    Signal,
    SpeechCandidate,
    SpeechEnded,
    SpeechPaused,
    SpeechProgress,
    SpeechRejected,
    SpeechResumed,
    SpeechStarted,
)

NOTICED = 0.6
"""Of the probability at which speech begins: perhaps a voice."""

REJECTED = 0.4
"""Seconds without another sign of it after which it was no voice. An agent that has lowered its own
meanwhile hears better whether there is one."""

RESUMED = 2
"""Voiced windows in a row that show, in a pause, that the user goes on: one may be a click."""


class UserState(Enum):
    """Whether the user speaks, as far as the sound tells."""

    IDLE = auto()
    NOTICED = auto()
    CANDIDATE = auto()
    SPEAKING = auto()
    PAUSED = auto()


@dataclass(slots=True)
class _Pause:
    """What is known of a pause in a turn."""

    voiced: int = 0  # windows in a row, at its end: a click, or the user goes on
    sound: float | None = None  # how finished the turn sounds
    words: float | None = None  # how finished it reads
    why: str = ""  # it reads so
    alone: bool = False  # and what it sounds like adds nothing


class TurnDetector:
    """A turn detector makes turns of voice probabilities, with hysteresis of two thresholds."""

    state: UserState
    _noticed: float  # where the last window ended that may have been voiced
    _start: float  # of the first voiced window of the candidate or the turn
    _stop: float  # where the last voiced window ended
    _end: float  # where the last window ended
    _voice: float  # seconds of voiced windows since the turn's start or its last pause
    _manual: bool  # nobody listens for a voice in the turn
    _told: int  # how many of `progress` have been signalled since then
    _pauses: int  # of the turn so far
    _pause: _Pause

    def __init__(
        self,
        vad: VadSettings,
        turn: TurnSettings,
        progress: tuple[float, ...] = (0.25, 1.0),
        numbers: Iterator[int] | None = None,
        *,
        words: bool = False,
    ) -> None:
        """`progress`: the seconds of voice at which `SpeechProgress` is signalled.

        `numbers` are those of the turns, by default all from 1. `words`: those of every pause are
        being recognised, and will be judged. Until they are, no turn ends by what it sounds like,
        nor by a silence that its words may ask to be longer.
        """
        self._numbers = numbers or count(1)
        self.turn = 0
        """The number of the latest turn."""
        self._vad = vad
        self._settings = turn
        self._progress = progress
        self._words_follow = words
        self._reset()

    @property
    def speaking(self) -> bool:
        """Whether a turn has begun and not yet ended."""
        return self.state in (UserState.SPEAKING, UserState.PAUSED)

    @property
    def pause(self) -> int | None:
        """The number of the pause that lasts, if there is one and nothing is heard in it."""
        return self._pauses if self.state is UserState.PAUSED and not self._pause.voiced else None

    @property
    def quiet(self) -> float:
        """Seconds of silence so far."""
        return self._end - self._stop

    def update(
        self, probability: float, start: float, end: float, threshold: float | None = None
    ) -> list[Signal]:
        """Return what a window from `start` to `end` (seconds) with this probability means.

        `threshold`: where speech begins, when the settings' is not to be used.
        """
        self._end = end
        begin = self._vad.start if threshold is None else threshold
        if self.state in (UserState.IDLE, UserState.NOTICED) and probability < begin:
            return self._nearly_voiced(perhaps=probability >= NOTICED * begin)
        paused = self.state is UserState.PAUSED and not self._pause.voiced
        in_voice = self.state in (UserState.CANDIDATE, UserState.SPEAKING, UserState.PAUSED)
        if probability >= (min(self._vad.stop, begin) if in_voice and not paused else begin):
            return self._voiced(start, end)
        return self._unvoiced()

    def configure(self, vad: VadSettings, turn: TurnSettings) -> None:
        """Go by other settings from now on."""
        self._vad, self._settings = vad, turn

    def open(self, time: float) -> list[Signal]:
        """Begin a turn at `time` if none has begun: nobody listens for a voice in it."""
        if self.speaking:
            return []
        self._manual = True
        self._stop = self._end = time
        return [self._started(time)]

    def hold(self, time: float) -> list[Signal]:
        """Let a turn begin at `time`, or the one that has begun go on, until somebody closes it."""
        if self.state is not UserState.PAUSED:
            return self.open(time)
        self.state = UserState.SPEAKING
        return [SpeechResumed(self.turn)]

    def extend(self, time: float) -> list[Signal]:
        """Let a turn in which nobody listens for a voice last until `time`."""
        self._stop = self._end = time
        return self._cut()

    def close(self, time: float | None = None, *, dropped: bool = False) -> list[Signal]:
        """End the turn that has begun, for somebody says so: at `time`, or where it is."""
        if not self.speaking:
            return []
        if time is not None:
            self._stop = time
        return [replace(self._ended("committed"), committed=not dropped, dropped=dropped)]

    def judge(
        self,
        pause: int,
        *,
        sound: float | None = None,
        words: float | None = None,
        why: str = "",
        alone: bool = False,
    ) -> None:
        """Take a judgement of how finished the turn sounds, or reads, in this pause (0 to 1).

        `alone`: its words say all there is to know. A judgement of a pause that is over is ignored.
        """
        if self.state is not UserState.PAUSED or pause != self._pauses:
            return
        if sound is not None:
            self._pause.sound = sound
        if words is not None:
            self._pause.words, self._pause.why, self._pause.alone = words, why, alone

    def check(self) -> list[Signal]:
        """End the turn if the silence is enough, by what was judged since the last window."""
        if self.pause is None:
            return []
        wanted, why = self._wanted()
        if self.quiet < wanted - 1e-9:
            return []
        return [self._ended(why, certainty=self.certainty)]

    @property
    def certainty(self) -> float | None:
        """How surely the turn is finished, in this pause; None when nobody has said anything."""
        sound = None if self._pause.alone else self._pause.sound
        judged = [p for p in (sound, self._pause.words) if p is not None]
        if not judged or self._settings.detector == "silence":
            return None
        # Two witnesses who know nothing of each other: their odds multiply (naive Bayes).
        return probability(sum(map(log_odds, judged)))

    @property
    def waiting(self) -> str:
        """What the pause's end is being waited for; empty when there is no pause."""
        return self._wanted()[1] if self.state is UserState.PAUSED else ""

    def flush(self) -> list[Signal]:
        """End the turn, if one has begun: no more audio will come."""
        if self.speaking:
            return [self._ended("no more sound")]
        self._reset()
        return []

    def _nearly_voiced(self, *, perhaps: bool) -> list[Signal]:
        """Nobody speaks, or perhaps somebody begins to."""
        if perhaps:
            return self._notice()
        if self.state is UserState.NOTICED and self._end - self._noticed >= REJECTED:
            self.state = UserState.IDLE
            return [SpeechRejected()]
        return []

    def _notice(self) -> list[Signal]:
        new = self.state is UserState.IDLE
        self.state, self._noticed = UserState.NOTICED, self._end
        return [SpeechCandidate()] if new else []

    def _voiced(self, start: float, end: float) -> list[Signal]:
        signals: list[Signal] = []
        if self.state in (UserState.IDLE, UserState.NOTICED):
            signals = self._notice()
            self.state, self._start, self._voice = UserState.CANDIDATE, start, 0.0
        elif self.state is UserState.PAUSED:
            self._pause.voiced += 1
            if self._pause.voiced < RESUMED:
                return []
            signals = [SpeechResumed(self.turn)]
            self.state = UserState.SPEAKING
            if self._told:  # who has insisted once has to do so again
                self._voice, self._told = (RESUMED - 1) * (end - start), 0
        self._voice += end - start
        self._stop = end
        return signals + self._advance() + self._cut()

    def _advance(self) -> list[Signal]:
        """A turn, once there is enough voice; and how much of it there has been."""
        signals: list[Signal] = []
        if self.state is UserState.CANDIDATE and self._voice >= self._settings.min_speech:
            signals.append(self._started(self._start))
        while (
            self.speaking
            and self._told < len(self._progress)
            and self._voice >= self._progress[self._told]
        ):
            self._told += 1
            signals.append(SpeechProgress(self.turn, self._voice))
        return signals

    def _unvoiced(self) -> list[Signal]:
        quiet = self.quiet
        if self.state is UserState.CANDIDATE:
            # A click may have a gap as long as itself before it stops being one sound.
            if quiet >= self._settings.min_speech:
                self.state, self._noticed = UserState.NOTICED, self._stop
            return []
        self._pause.voiced = 0
        signals: list[Signal] = []
        if self.state is UserState.SPEAKING and quiet >= self._settings.pause:
            self.state = UserState.PAUSED
            self._pauses += 1
            self._pause = _Pause()
            signals.append(SpeechPaused(self.turn, self._pauses, self._stop))
        return signals + (self.check() or self._cut())

    def _wanted(self) -> tuple[float, str]:
        """How much silence ends the turn, and why."""
        turn, certainty = self._settings, self.certainty
        if self._words_follow and turn.detector != "silence" and self._pause.words is None:
            return max(turn.silence, turn.unfinished), "its words are being recognised"
        if certainty is None:
            return turn.silence, f"{turn.silence:.2f} s of silence"
        # The surer, the sooner; doubt costs little of the time at first and all of it in the end.
        if certainty >= 0.5:
            doubt = ((1 - certainty) / 0.5) ** 2
            wanted = turn.silence - max(turn.silence - turn.complete, 0) * (1 - doubt)
        else:
            wanted = turn.silence + max(turn.unfinished - turn.silence, 0) * (1 - certainty / 0.5)
        pause = self._pause
        heard = [] if pause.sound is None else [f"sounds {pause.sound:.2f} finished"]
        read = [pause.why] if pause.why else []
        return wanted, f"{wanted:.2f} s of silence: {', '.join(heard + read) or 'unsure'}"

    def _cut(self) -> list[Signal]:
        """A monologue longer than the limit becomes turns without a pause between them."""
        end = self._end
        if not self.speaking or end - self._start < self._settings.max_length:
            return []
        manual = self._manual
        ended = self._ended("the longest turn allowed", cut=True)
        self._stop, self._manual = end, manual
        return [ended, self._started(end)]

    def _started(self, start: float) -> SpeechStarted:
        self.turn = next(self._numbers)
        self.state, self._start = UserState.SPEAKING, start
        return SpeechStarted(self.turn, start, self._manual)

    def _ended(self, why: str, *, cut: bool = False, certainty: float | None = None) -> SpeechEnded:
        ended = SpeechEnded(self.turn, self._start, self._stop, cut, why, certainty)
        self._reset()
        return ended

    def _reset(self) -> None:
        self.state = UserState.IDLE
        self._noticed = self._start = self._stop = self._end = 0.0
        self._voice = 0.0
        self._manual = False
        self._told = 0
        self._pauses = 0
        self._pause = _Pause()
