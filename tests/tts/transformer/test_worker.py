"""The engine's thread: it works off jobs between steps, and sleeps when there is nothing to do."""

import math
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tts.protocol import TextToSpeechError
from tts.transformer.worker import Worker


class FakeScheduler:
    """Steps that a test decides about: `work` is how many there are to do."""

    def __init__(self) -> None:
        self.steps: queue.SimpleQueue[bool] = queue.SimpleQueue()
        """Each step made, and whether there was something to do."""
        self.work = 0
        self.error: Exception | None = None
        self.at = math.inf
        self.utterance: list[Any] = []
        self.failures: queue.SimpleQueue[tuple[Any, Exception]] = queue.SimpleQueue()

    @property
    def open_ones(self) -> list[Any]:
        return self.utterance.copy()

    def due(self) -> float:
        return self.at

    def step(self) -> bool:
        if time.monotonic() >= self.at:
            self.at = math.inf
            self.work += 1
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        moved = self.work > 0
        self.work -= moved
        self.steps.put(moved)
        return moved

    def open(self, utterance: Any) -> None:
        self.utterance.append(utterance)

    def close(self, utterance: Any) -> None:
        self.utterance.remove(utterance)

    def fail(self, utterance: Any, error: Exception) -> None:
        self.close(utterance)
        self.failures.put((utterance, error))


@contextmanager
def working(
    scheduler: FakeScheduler, aside: Callable[[], bool] | None = None
) -> Iterator[Worker[str]]:
    worker = Worker[str](scheduler, aside, name="Dia2")
    try:
        yield worker
    finally:
        worker.stop()


ONE = "one"
OTHER = "other"


def done(worker: Worker[str], job: Callable[[], None] = lambda: None) -> None:
    """Have the worker do a job, and wait until it has."""
    told: queue.SimpleQueue[None] = queue.SimpleQueue()

    def all_of_it() -> None:
        job()
        told.put(None)

    worker.tell(ONE, all_of_it)
    told.get(timeout=10)


def test_it_steps_until_nothing_moves_and_then_sleeps() -> None:
    scheduler = FakeScheduler()
    with working(scheduler) as worker:

        def give_work() -> None:
            scheduler.work = 5

        done(worker, give_work)
        while not scheduler.steps.get(timeout=10):
            pass
        assert [scheduler.steps.get(timeout=10) for _ in range(5)] == [True] * 4 + [False]
        for _ in range(20):
            done(worker)
    # Each job woke it for one step, which moved nothing; the last may have come with the end.
    assert 19 <= scheduler.steps.qsize() <= 20


def test_it_wakes_by_itself_when_text_is_too_late() -> None:
    scheduler = FakeScheduler()
    with working(scheduler) as worker:

        def late() -> None:
            scheduler.at = time.monotonic() + 0.05

        done(worker, late)
        while not scheduler.steps.get(timeout=10):
            pass


def test_other_work_is_done_only_where_no_step_can_be_made() -> None:
    scheduler = FakeScheduler()
    log: queue.SimpleQueue[str] = queue.SimpleQueue()
    left = 3

    def aside() -> bool:
        nonlocal left
        left -= 1
        if left == 1:
            scheduler.work = 2  # an utterance's
        log.put(f"aside after {scheduler.steps.qsize()}")
        if left == 0:
            raise ZeroDivisionError
        return left > 0

    with working(scheduler, aside) as worker:
        assert [log.get(timeout=10) for _ in range(3)] == [
            "aside after 1",
            "aside after 2",
            "aside after 5",
        ]
        # One that fails is none; the thread sleeps, and goes on when there is a job.
        left = 2
        done(worker)
        assert log.get(timeout=10).startswith("aside")


def test_a_job_that_fails_ends_its_utterance() -> None:
    scheduler = FakeScheduler()
    with working(scheduler) as worker:
        worker.open(ONE)
        worker.open(OTHER)

        def bad() -> None:
            raise ZeroDivisionError("by zero")

        worker.tell(ONE, bad)
        failed, error = scheduler.failures.get(timeout=10)
        assert failed == ONE
        assert isinstance(error, TextToSpeechError)
        assert str(error) == "Dia2 failed: ZeroDivisionError: by zero"
        assert scheduler.open_ones == [OTHER]
        worker.close(OTHER)
        done(worker)
        assert scheduler.open_ones == []


def test_a_step_that_fails_ends_all_utterances_and_the_thread_goes_on() -> None:
    scheduler = FakeScheduler()
    with working(scheduler) as worker:
        worker.open(ONE)
        worker.open(OTHER)

        def break_down() -> None:
            scheduler.error = RuntimeError("CUDA error")

        done(worker, break_down)
        errors = [scheduler.failures.get(timeout=10) for _ in range(2)]
        assert [failed for failed, _ in errors] == [ONE, OTHER]
        assert {str(error) for _, error in errors} == {"Dia2 failed: RuntimeError: CUDA error"}
        done(worker)


def test_stopping_ends_what_is_open() -> None:
    scheduler = FakeScheduler()
    with working(scheduler) as worker:
        worker.open(ONE)
    failed, error = scheduler.failures.get(timeout=10)
    assert failed == ONE
    assert "closed while it spoke" in str(error)


def test_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with working(FakeScheduler()) as worker:
        with monkeypatch.context() as patched:
            patched.setattr("os.getpid", lambda: -1)
            with pytest.raises(TextToSpeechError, match="before this process was forked"):
                worker.open(ONE)
            with pytest.raises(TextToSpeechError, match="before this process was forked"):
                worker.tell(ONE, lambda: None)
        done(worker)
