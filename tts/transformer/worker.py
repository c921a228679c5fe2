"""The thread that owns a model: jobs come in by a queue and are done between two steps."""

import logging
import math
import os
import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

from tts.protocol import TextToSpeechError

Job = Callable[[], object]
U = TypeVar("U")

_log = logging.getLogger(__name__)


class Scheduler(Protocol[U]):
    """Lets utterances share a model. Once it has a worker, it belongs to that one's thread."""

    def open(self, utterance: U, /) -> None:
        """Take on an utterance."""

    def close(self, utterance: U, /) -> None:
        """Drop an utterance, whatever it is doing; also one that is over."""

    def fail(self, utterance: U, error: TextToSpeechError, /) -> None:
        """End an utterance with an error."""

    @property
    def open_ones(self) -> list[U]:
        """All utterances that are not over."""

    def due(self) -> float:
        """Say when `step` will have something to do by itself, by the monotonic clock."""

    def step(self) -> bool:
        """Do what can be done, at most one step of the network; False if that was nothing."""


class Worker(Generic[U]):
    """Steps the utterances of a scheduler, and sleeps while there is nothing to do.

    Its methods may be called from any thread and return at once, `stop` excepted.
    """

    def __init__(
        self,
        scheduler: Scheduler[U],
        idle_work: Callable[[], bool] | None = None,
        *,
        name: str,
    ) -> None:
        """Start; from now on the scheduler belongs to the thread.

        `name` is the model's, for messages. `idle_work` does a piece of other work when no step can
        be made, and says whether there was any.
        """
        self._scheduler = scheduler
        self._name = name
        self._idle_work = idle_work or (lambda: False)
        self._process = os.getpid()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name.lower(), daemon=True)
        self._thread.start()

    def open(self, utterance: U) -> None:
        """Take on an utterance. Raises TextToSpeechError in a process forked after loading."""
        self._post(lambda: self._scheduler.open(utterance))

    def tell(self, utterance: U, job: Job) -> None:
        """Do something with an utterance; if that fails, it ends the utterance."""
        self._post(lambda: self._try(utterance, job))

    def do(self, job: Job) -> None:
        """Do something else between two steps; if that fails, it is logged and no more."""
        self._post(partial(self._try_alone, job))

    def close(self, utterance: U) -> None:
        """Drop an utterance within a step."""
        self._jobs.put(lambda: self._scheduler.close(utterance))

    def stop(self) -> None:
        """End the thread, within a step, and wait for that."""
        self._jobs.put(None)
        self._thread.join()

    def _post(self, job: Job) -> None:
        if os.getpid() != self._process:
            raise TextToSpeechError(
                f"{self._name} was loaded before this process was forked, and its thread is not in "
                "it: load it in the process that is to speak"
            )
        self._jobs.put(job)

    def _run(self) -> None:
        moved = True
        while self._work_off(wait=not moved):
            try:
                moved = self._scheduler.step() or self._try_alone(self._idle_work) is True
            except Exception as error:  # noqa: BLE001 - whatever it is, the thread goes on
                self._fail_all(error)
                moved = True
        self._fail_all(TextToSpeechError(f"{self._name} was closed while it spoke"))

    def _work_off(self, *, wait: bool) -> bool:
        """Do the jobs there are; with `wait`, sleep until there is one or text is too late."""
        timeout = self._scheduler.due() - time.monotonic() if wait else 0.0
        try:
            job = self._jobs.get(timeout=max(0.0, timeout) if timeout < math.inf else None)
            while job is not None:
                job()
                job = self._jobs.get_nowait()
        except queue.Empty:
            return True
        return False

    def _try(self, utterance: U, job: Job) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread goes on
            self._fail(utterance, error)

    def _fail_all(self, error: Exception) -> None:
        for utterance in self._scheduler.open_ones:
            self._fail(utterance, error)

    def _fail(self, utterance: U, error: Exception) -> None:
        if not isinstance(error, TextToSpeechError):
            error = TextToSpeechError(f"{self._name} failed: {type(error).__name__}: {error}")
        self._scheduler.fail(utterance, error)

    def _try_alone(self, job: Job) -> object:
        try:
            return job()
        except Exception:  # noqa: BLE001 - whatever it is, the thread goes on
            _log.exception("%s could not prepare for the next utterance", self._name)
            return None
