"""The thread that owns a model: jobs come in by a queue and are done between two steps."""

import logging
import math
import os
import queue
import threading
import time
from collections.abc import Callable
from functools import partial

from tts.dia2.serving.scheduler import Scheduler
from tts.dia2.serving.utterance import UtteranceState
from tts.protocol import TextToSpeechError

Job = Callable[[], object]

_log = logging.getLogger(__name__)


class Worker:
    """Steps the utterances of a scheduler, and sleeps while there is nothing to do.

    Its methods may be called from any thread and return at once, `stop` excepted.
    """

    def __init__(self, scheduler: Scheduler, idle_work: Callable[[], bool] | None = None) -> None:
        """Start; from now on the scheduler belongs to the thread.

        `idle_work` does a piece of other work when no step can be made, and says whether there
        was any.
        """
        self._scheduler = scheduler
        self._idle_work = idle_work or (lambda: False)
        self._process = os.getpid()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="dia2", daemon=True)
        self._thread.start()

    def open(self, utterance: UtteranceState) -> None:
        """Take on an utterance. Raises TextToSpeechError in a process forked after loading."""
        self._post(lambda: self._scheduler.open(utterance))

    def tell(self, utterance: UtteranceState, job: Job) -> None:
        """Do something with an utterance; if that fails, it ends the utterance."""
        self._post(lambda: self._try(utterance, job))

    def do(self, job: Job) -> None:
        """Do something else between two steps; if that fails, it is logged and no more."""
        self._post(partial(_try_alone, job))

    def close(self, utterance: UtteranceState) -> None:
        """Drop an utterance within a step."""
        self._jobs.put(lambda: self._scheduler.close(utterance))

    def stop(self) -> None:
        """End the thread, within a step, and wait for that."""
        self._jobs.put(None)
        self._thread.join()

    def _post(self, job: Job) -> None:
        if os.getpid() != self._process:
            raise TextToSpeechError(
                "Dia2 was loaded before this process was forked, and its thread is not in it: "
                "load it in the process that is to speak"
            )
        self._jobs.put(job)

    def _run(self) -> None:
        moved = True
        while self._work_off(wait=not moved):
            try:
                moved = self._scheduler.step() or _try_alone(self._idle_work) is True
            except Exception as error:  # noqa: BLE001 - whatever it is, the thread goes on
                self._fail_all(error)
                moved = True
        self._fail_all(TextToSpeechError("Dia2 was closed while it spoke"))

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

    def _try(self, utterance: UtteranceState, job: Job) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread goes on
            self._fail(utterance, error)

    def _fail_all(self, error: Exception) -> None:
        for utterance in self._scheduler.open_ones:
            self._fail(utterance, error)

    def _fail(self, utterance: UtteranceState, error: Exception) -> None:
        if not isinstance(error, TextToSpeechError):
            error = TextToSpeechError(f"Dia2 failed: {type(error).__name__}: {error}")
        self._scheduler.fail(utterance, error)


def _try_alone(job: Job) -> object:
    try:
        return job()
    except Exception:  # noqa: BLE001 - whatever it is, the thread goes on
        _log.exception("Dia2 could not prepare for the next utterance")
        return None
