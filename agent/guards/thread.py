"""A blocking function in a thread of its own that nobody has to wait for."""

import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel

T = TypeVar("T")

_running: set[threading.Thread] = set()


def left_behind() -> bool:
    """Whether a thread still runs that `run_in_thread` has begun: Python cannot exit safely then.

    Native code that comes back while an interpreter is being taken down may crash.
    """
    return any(thread.is_alive() for thread in _running)


async def run_in_thread(function: Callable[[], T], *, name: str = "tool") -> T:
    """What `function` gives; it may raise anything.

    A thread cannot be stopped: one whose caller is cancelled runs on, and what it gives is dropped.
    It does not keep the program from ending, as one of a pool of workers would.
    """
    token = anyio.lowlevel.current_token()
    done = anyio.Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001  (it is raised where it is waited for)
            errors.append(error)
        with suppress(RuntimeError):  # the event loop has ended meanwhile
            anyio.from_thread.run_sync(done.set, token=token)
        _running.discard(threading.current_thread())

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name=name, daemon=True)
    _running.add(thread)
    thread.start()
    await done.wait()
    if errors:
        raise errors[0]
    return results[0]
