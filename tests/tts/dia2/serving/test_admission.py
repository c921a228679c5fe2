"""Tests of how many are let speak: as many as were measured to be in real time, in turn."""

import logging
from pathlib import Path

import pytest
import torch

from tests.tts.dia2.serving.utterances import Listening, checkpoint, settings
from tts.dia2.serving import prepare as preparing
from tts.dia2.serving.admission import Admission
from tts.dia2.serving.prepare import Prepared, load
from tts.dia2.serving.scheduler import Scheduler

torch.set_num_threads(1)  # these networks are too small to share out

FRAME = 0.08


def test_before_anything_is_measured_all_are_allowed() -> None:
    assert Admission(FRAME).allows(64, 0.0)


def test_one_is_always_allowed() -> None:
    admission = Admission(FRAME)
    admission.expect(1, 5.0)
    assert admission.allows(1, 0.0)
    assert not admission.allows(2, 0.0)


def test_what_was_not_measured_is_bounded_by_what_was() -> None:
    admission = Admission(FRAME)
    admission.expect(2, 0.03)
    assert admission.seconds(1, 0.0) == 0.03  # no more than with two
    assert admission.seconds(4, 0.0) == pytest.approx(0.06)  # in proportion
    admission.expect(8, 0.05)
    assert admission.seconds(4, 0.0) == pytest.approx(0.05)  # no more than with eight
    assert admission.allows(12, 0.0)
    assert not admission.allows(13, 0.0)


def test_the_median_of_late_counts_and_is_forgotten() -> None:
    admission = Admission(FRAME)
    admission.expect(2, 0.03)
    for at, seconds in enumerate((0.05, 0.5, 0.05)):
        admission.note(2, seconds, float(at))
    assert admission.seconds(2, 2.0) == 0.05  # one slow frame is none
    for at in range(3, 8):
        admission.note(2, 0.1, float(at))
    assert not admission.allows(2, 8.0)
    assert admission.allows(2, 68.0)  # what was expected counts again


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return load(settings(checkpoint(tmp_path_factory.mktemp("tiny"), codebooks=2), slots=4))


class Machine:
    """A scheduler on a machine where a frame takes so many seconds for each who speaks."""

    def __init__(self, prepared: Prepared, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds
        self.prepared = prepared
        self.scheduler = Scheduler(prepared.bundle, lambda: self.now)
        self.scheduler.admission.expect(1, seconds)
        self._step = self.scheduler._stepper.step
        self.scheduler._stepper.step = self._slowly  # type: ignore[method-assign]

    def _slowly(self) -> bool:
        moved = self._step()
        self.now += self.seconds * sum(
            each is not None for each in self.scheduler._stepper.sequences
        )
        return moved

    def open(self, count: int) -> list[Listening]:
        opened = [Listening(self.prepared, seed) for seed in range(count)]
        for each in opened:
            self.scheduler.open(each)
            each.feed("A few words to be said by everybody.")
            each.finish()
        return opened

    def step(self, opened: list[Listening]) -> list[int]:
        """Who speaks after a step."""
        assert self.scheduler.step()
        for each in opened:
            each.listen()
        return [n for n, each in enumerate(opened) if each.window.step and not each.done]


def test_only_as_many_speak_as_are_in_real_time(
    prepared: Prepared, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine(prepared, 0.03)
    opened = machine.open(4)
    first = machine.step(opened)
    assert first == [0, 1]  # of four slots
    while (speaking := machine.step(opened)) == first:
        pass
    (ended,) = set(first) - set(speaking)
    assert opened[ended].done
    assert machine.step(opened) == sorted({0, 1, 2} - {ended})
    seen = {tuple(machine.step(opened)) for _ in range(5)}
    while not all(each.done for each in opened):
        seen.add(tuple(machine.step(opened)))
    assert max(len(each) for each in seen) == 2
    records = [each for each in caplog.records if each.levelno == logging.WARNING]
    (told,) = [each for each in records if "waits until" in each.message]
    assert "speaks 2 utterances at once here, not 3: a frame would take 90 ms" in told.message


def test_whoever_comes_alone_speaks(prepared: Prepared) -> None:
    machine = Machine(prepared, 0.5)
    opened = machine.open(2)
    while not opened[0].done:
        assert machine.step(opened) in ([0], [])
    while not opened[1].done:
        machine.step(opened)


def test_more_are_let_in_as_it_gets_faster(prepared: Prepared) -> None:
    machine = Machine(prepared, 0.03)
    opened = machine.open(3)
    assert machine.step(opened) == [0, 1]
    machine.seconds = 0.01
    for _ in range(40):
        if len(machine.step(opened)) == 3:
            break
    else:
        raise AssertionError("the third was never let in")


def test_what_is_measured_at_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One, two, four and so on, up to where it is too much."""
    asked: list[int] = []

    def seconds(_dia2: object, _sampling: object, speaking: int) -> float:
        asked.append(speaking)
        return 0.025 * speaking

    monkeypatch.setattr(preparing, "frame_seconds", seconds)
    made = load(settings(checkpoint(tmp_path, codebooks=2), slots=16))
    assert asked == [1, 2, 4]
    assert made.scheduler.admission.allows(3, 0.0)
    assert not made.scheduler.admission.allows(4, 0.0)
