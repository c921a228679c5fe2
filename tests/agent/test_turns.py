"""Turn-taking on a clock that is only numbers."""

from agent.settings import TurnSettings, VadSettings
from agent.turns import Began, Ended, Insisted, Signal, TurnDetector

WINDOW = 0.032
SETTINGS = TurnSettings(min_speech=0.1, silence=0.5, min_interruption=0.25, max_length=5)


def run(*stretches: tuple[float, float]) -> list[tuple[float, Signal]]:
    """What a detector says to stretches of (seconds, probability), each with its time."""
    detector = TurnDetector(VadSettings(start=0.5, stop=0.35), SETTINGS)
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


def test_a_click_is_not_speech() -> None:
    assert run((1, 0.0), (0.064, 0.9), (1, 0.0)) == []


def test_clicks_far_apart_do_not_add_up() -> None:
    assert run(*[(0.064, 0.9), (0.2, 0.0)] * 20) == []


def test_one_utterance() -> None:
    signals = run((0.96, 0.0), (0.96, 0.9), (1.6, 0.0))
    assert kinds(signals) == [Began, Insisted, Ended]
    (began, first), (insisted, _), (ended, last) = signals
    assert isinstance(first, Began)
    assert isinstance(last, Ended)
    assert abs(first.start - 0.96) < 1e-9
    assert SETTINGS.min_speech <= began - first.start < SETTINGS.min_speech + WINDOW
    assert SETTINGS.min_interruption <= insisted - first.start < SETTINGS.min_interruption + WINDOW
    assert abs(last.stop - 1.92) < 1e-9
    assert SETTINGS.silence <= ended - last.stop < SETTINGS.silence + WINDOW
    assert not last.cut


def test_a_short_word_does_not_insist() -> None:
    assert kinds(run((0.16, 0.9), (1, 0.0))) == [Began, Ended]


def test_hysteresis_keeps_speech_going_between_the_thresholds() -> None:
    assert kinds(run((0.32, 0.9), (2, 0.4), (1, 0.0))) == [Began, Insisted, Ended]
    assert run((2, 0.4), (1, 0.0)) == []  # but does not begin it


def test_a_pause_shorter_than_the_silence_is_inside_the_turn() -> None:
    assert kinds(run((0.5, 0.9), (0.45, 0.0), (0.5, 0.9), (1, 0.0))) == [Began, Insisted, Ended]


def test_a_pause_longer_than_the_silence_makes_two_turns() -> None:
    signals = run((0.5, 0.9), (0.6, 0.0), (0.5, 0.9), (1, 0.0))
    assert kinds(signals) == [Began, Insisted, Ended] * 2


def test_a_monologue_is_cut_into_turns_without_a_hole() -> None:
    signals = run((18, 0.9), (1, 0.0))
    ends = [s for _, s in signals if isinstance(s, Ended)]
    begins = [s for _, s in signals if isinstance(s, Began)]
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
    assert [type(signal) for signal in detector.flush()] == [Ended]
    assert not detector.speaking
    assert detector.flush() == []
