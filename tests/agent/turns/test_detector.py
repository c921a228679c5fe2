"""Turn-taking on a clock that is only numbers."""

from agent.config.sections import TurnSettings, VadSettings
from agent.turns.detector import TurnDetector
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

WINDOW = 0.032
SETTINGS = TurnSettings(
    min_speech=0.1, pause=0.1, complete=0.2, silence=0.5, unfinished=2.0, max_length=5
)
PROGRESS = (0.25, 1.0)


def run(*stretches: tuple[float, float]) -> list[tuple[float, Signal]]:
    """What a detector says to stretches of (seconds, probability), each with its time."""
    detector = TurnDetector(VadSettings(start=0.5, stop=0.35), SETTINGS, PROGRESS)
    signals, window = [], 0
    for seconds, probability in stretches:
        for _ in range(round(seconds / WINDOW)):
            start, end = window * WINDOW, (window + 1) * WINDOW
            signals += [(end, s) for s in detector.update(probability, start, end)]
            window += 1
    return signals


def kinds(signals: list[tuple[float, Signal]]) -> list[type[Signal]]:
    return [type(signal) for _, signal in signals]


def test_silence_is_nothing() -> None:
    assert run((60, 0.1)) == []


def test_a_click_is_noticed_and_dismissed() -> None:
    assert kinds(run((1, 0.0), (0.064, 0.9), (1, 0.0))) == [SpeechCandidate, SpeechRejected]


def test_clicks_far_apart_do_not_add_up() -> None:
    assert kinds(run(*[(0.064, 0.9), (0.2, 0.0)] * 20, (1, 0.0))) == [
        SpeechCandidate,
        SpeechRejected,
    ]
    assert kinds(run(*[(0.064, 0.9), (0.6, 0.0)] * 20)) == [SpeechCandidate, SpeechRejected] * 20


def test_one_utterance() -> None:
    signals = run((0.96, 0.0), (0.96, 0.9), (1.6, 0.0))
    assert kinds(signals) == [
        SpeechCandidate,
        SpeechStarted,
        SpeechProgress,
        SpeechPaused,
        SpeechEnded,
    ]
    (noticed, _), (began, first), (progressed, _), (paused, pause), (ended, last) = signals
    assert isinstance(first, SpeechStarted)
    assert isinstance(pause, SpeechPaused)
    assert isinstance(last, SpeechEnded)
    assert abs(noticed - 0.96 - WINDOW) < 1e-9
    assert abs(first.start - 0.96) < 1e-9
    assert SETTINGS.min_speech <= began - first.start < SETTINGS.min_speech + WINDOW
    assert PROGRESS[0] <= progressed - first.start < PROGRESS[0] + WINDOW
    assert abs(last.stop - 1.92) < 1e-9
    assert (pause.pause, pause.stop) == (1, last.stop)
    assert SETTINGS.pause <= paused - last.stop < SETTINGS.pause + WINDOW
    assert SETTINGS.silence <= ended - last.stop < SETTINGS.silence + WINDOW
    assert not last.cut


def test_who_goes_on_for_long_progresses_again() -> None:
    voices = [s.voice for _, s in run((1.6, 0.9), (1, 0.0)) if isinstance(s, SpeechProgress)]
    assert len(voices) == 2
    assert all(at <= voice < at + WINDOW for at, voice in zip(PROGRESS, voices, strict=True))


def test_a_short_word_is_no_progress() -> None:
    assert kinds(run((0.16, 0.9), (1, 0.0))) == [
        SpeechCandidate,
        SpeechStarted,
        SpeechPaused,
        SpeechEnded,
    ]


def test_hysteresis_keeps_speech_going_between_the_thresholds() -> None:
    assert kinds(run((0.32, 0.9), (0.5, 0.4), (1, 0.0))) == [
        *(SpeechCandidate, SpeechStarted, SpeechProgress),
        *(SpeechPaused, SpeechEnded),
    ]
    assert kinds(run((2, 0.4), (1, 0.0))) == [
        SpeechCandidate,
        SpeechRejected,
    ]  # but does not begin it


def test_what_may_be_a_voice_is_noticed_once_and_forgotten_after_a_while() -> None:
    assert kinds(run((0.2, 0.4), (0.064, 0.0), (0.2, 0.4), (0.5, 0.0))) == [
        SpeechCandidate,
        SpeechRejected,
    ]
    assert kinds(run((0.2, 0.4), (0.32, 0.9), (1, 0.0)))[:3] == [
        SpeechCandidate,
        SpeechStarted,
        SpeechProgress,
    ]
    assert run((2, 0.2), (1, 0.0)) == []


def test_a_higher_threshold_is_for_the_beginning_only() -> None:
    detector = TurnDetector(VadSettings(), SETTINGS)
    assert detector.update(0.4, 0.0, 0.032, threshold=0.7) == []
    assert detector.update(0.6, 0.032, 0.064, threshold=0.7) == [SpeechCandidate()]
    assert not detector.speaking
    assert detector.update(0.8, 0.064, 0.096, threshold=0.7) == []
    for window in range(3, 20):
        detector.update(0.4, window * WINDOW, (window + 1) * WINDOW, threshold=0.7)
    assert detector.speaking


def test_a_pause_shorter_than_the_silence_is_inside_the_turn() -> None:
    assert kinds(run((0.5, 0.9), (0.45, 0.0), (0.5, 0.9), (1, 0.0))) == [
        *(SpeechCandidate, SpeechStarted, SpeechProgress, SpeechPaused),
        *(SpeechResumed, SpeechProgress, SpeechPaused, SpeechEnded),
    ]


def test_a_click_in_a_pause_is_not_going_on() -> None:
    one = WINDOW + 1e-9
    signals = run((0.5, 0.9), (0.2, 0.0), (one, 0.9), (1, 0.0))
    assert kinds(signals) == [
        SpeechCandidate,
        SpeechStarted,
        SpeechProgress,
        SpeechPaused,
        SpeechEnded,
    ]
    assert abs(signals[-1][0] - signals[3][0]) < SETTINGS.silence  # nor does it prolong the pause


def test_a_pause_longer_than_the_silence_makes_two_turns() -> None:
    signals = run((0.5, 0.9), (0.6, 0.0), (0.5, 0.9), (1, 0.0))
    assert (
        kinds(signals)
        == [SpeechCandidate, SpeechStarted, SpeechProgress, SpeechPaused, SpeechEnded] * 2
    )


def silence_that_ended(
    *, sound: float | None = None, words: float | None = None, settings: TurnSettings = SETTINGS
) -> float:
    """Seconds of silence after which the turn was over, judged like this in its pause."""
    detector = TurnDetector(VadSettings(), settings)
    window = 0
    while True:
        start, end = window * WINDOW, (window + 1) * WINDOW
        for signal in detector.update(0.9 if window < 20 else 0.0, start, end):
            if isinstance(signal, SpeechPaused):
                detector.judge(signal.pause, sound=sound, words=words)
            if isinstance(signal, SpeechEnded):
                return end - signal.stop
        window += 1


def near(seconds: float, wanted: float) -> bool:
    return wanted <= seconds + 1e-9 < wanted + WINDOW


def test_how_finished_it_sounds_decides_how_long_to_wait() -> None:
    assert near(silence_that_ended(), SETTINGS.silence)
    assert near(silence_that_ended(sound=0.5), SETTINGS.silence)
    assert near(silence_that_ended(sound=0.98), SETTINGS.complete)
    assert silence_that_ended(sound=0.02) > SETTINGS.unfinished - 0.1
    waits = [silence_that_ended(sound=p / 20) for p in range(21)]
    assert waits == sorted(waits, reverse=True)


def test_sound_and_words_are_two_witnesses() -> None:
    assert silence_that_ended(sound=0.8, words=0.8) < silence_that_ended(sound=0.8)
    assert near(silence_that_ended(sound=0.9, words=0.1), SETTINGS.silence)
    assert silence_that_ended(sound=0.9, words=0.5) == silence_that_ended(sound=0.9)


def test_silence_alone_can_be_all_that_counts() -> None:
    silence = SETTINGS.model_copy(update={"detector": "silence"})
    assert near(silence_that_ended(sound=0.98, words=0.98, settings=silence), SETTINGS.silence)


def test_a_late_judgement_ends_the_turn_at_once_and_one_of_another_pause_does_not() -> None:
    detector = TurnDetector(VadSettings(), SETTINGS)
    for window in range(20):
        probability = 0.9 if window < 10 else 0.0
        detector.update(probability, window * WINDOW, (window + 1) * WINDOW)
    detector.judge(2, sound=0.99)
    assert detector.check() == []
    detector.judge(1, sound=0.99)
    (ended,) = detector.check()
    assert isinstance(ended, SpeechEnded)
    assert ended.certainty is not None
    assert ended.certainty > 0.9
    assert "finished" in ended.why
    assert not detector.speaking


def test_a_judgement_is_of_one_pause_only() -> None:
    detector = TurnDetector(VadSettings(), SETTINGS)
    signals: list[Signal] = []
    for window in range(60):
        probability = 0.9 if window < 10 or 14 <= window < 24 else 0.0
        new = detector.update(probability, window * WINDOW, (window + 1) * WINDOW)
        if any(isinstance(s, SpeechPaused) and s.pause == 1 for s in new):
            detector.judge(1, sound=0.1)
        signals += new
    (ended,) = (s for s in signals if isinstance(s, SpeechEnded))
    assert ended.certainty is None


def test_a_monologue_is_cut_into_turns_without_a_hole() -> None:
    signals = run((18, 0.9), (1, 0.0))
    ends = [s for _, s in signals if isinstance(s, SpeechEnded)]
    begins = [s for _, s in signals if isinstance(s, SpeechStarted)]
    assert [end.cut for end in ends] == [True, True, True, False]
    assert len(begins) == 4
    for end, begin in zip(ends, begins[1:], strict=False):
        assert end.stop == begin.start
        assert end.stop - end.start <= SETTINGS.max_length + WINDOW


def test_flush_ends_an_open_turn_and_only_that() -> None:
    detector = TurnDetector(VadSettings(), SETTINGS)
    assert detector.flush() == []
    for window in range(10):
        detector.update(0.9, window * WINDOW, (window + 1) * WINDOW)
    assert detector.speaking
    assert [type(signal) for signal in detector.flush()] == [SpeechEnded]
    assert not detector.speaking
    assert detector.flush() == []
