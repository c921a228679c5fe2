"""Signals: Ctrl-C, SIGTERM and a closed terminal end the program in one clean way, in bounded time.

The first Ctrl-C cancels what runs, and everything is closed and finalised on the way out. The
second one is taken by a thread that does nothing else, which no engine, driver or main thread in
native code can hold up. SIGTERM and SIGHUP, which often come in pairs, ask for
the clean end only.
"""

import os
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TypeVar

LIMIT = 10.0
"""Seconds that a clean end may take; then the program ends as it is."""

EXIT_LIMIT = 5.0
"""Seconds that Python may take to exit afterwards: it waits for threads and libraries."""

_SIGHUP = getattr(signal, "SIGHUP", None)  # Windows has none
_ONE = 0.2  # seconds in which two signals are one that was sent twice
_DESCRIPTORS = 256  # that are looked through for a terminal which is gone

T = TypeVar("T")


class _Ending:
    """Whether the program is asked to end; after `LIMIT` seconds it does, however busy it is."""

    def __init__(self) -> None:
        self.begun = False
        self._timer: threading.Timer | None = None

    def begin(self) -> None:
        """It is asked to end."""
        self.begun = True
        if self._timer is None and LIMIT:
            self._timer = _force_after(LIMIT, 1, f"it did not end within {LIMIT:g} s")

    def reset(self) -> None:
        """It has ended, or what was asked to."""
        self.begun = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_ending = _Ending()


def asked() -> bool:
    """Whether a signal has asked the program to end, which Ctrl-C at a prompt does not."""
    return _ending.begun


def run(
    function: Callable[..., Awaitable[T]], *args: Any, loop: Callable[[], Any] | None = None
) -> T:
    """Run an async function to its end, or until a signal cancels it; `loop` makes asyncio's.

    Raises KeyboardInterrupt then, whichever signal it was; and what the function raises.
    """
    import anyio

    results: list[T] = []
    errors: list[Exception] = []

    async def work(over: "anyio.Event") -> None:
        try:
            results.append(await function(*args))
        except Exception as error:  # noqa: BLE001  (it is raised below, without a group around it)
            errors.append(error)
        over.set()

    async def watched() -> None:
        over = anyio.Event()
        # By now the event loop has set its own handler.
        with _second_ends():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(work, over)
                try:
                    await over.wait()
                except anyio.get_cancelled_exc_class():
                    _begin()
                    raise

    anyio.run(watched, backend_options={} if loop is None else {"loop_factory": loop})
    if errors:
        raise errors[0]
    return results[0]


@contextmanager
def signals() -> Iterator[None]:
    """For the length of a block, SIGTERM and SIGHUP do what Ctrl-C does.

    A shell starts background commands with SIGINT ignored, so it is set here too; SIGHUP stays
    ignored if it was, for `nohup`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    terminal = _terminal()

    def end(number: int, _frame: FrameType | None) -> None:
        if number == _SIGHUP:
            _redirect(terminal)
        if not _ending.begun:
            _ending.begin()
            signal.raise_signal(signal.SIGINT)

    previous = {signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler)}
    previous[signal.SIGTERM] = signal.signal(signal.SIGTERM, end)
    if _SIGHUP is not None and signal.getsignal(_SIGHUP) is not signal.SIG_IGN:
        previous[_SIGHUP] = signal.signal(_SIGHUP, end)
    try:
        yield
    finally:
        _ending.reset()
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def hangups() -> Iterator[Callable[[], Awaitable[None]]]:
    """For the length of a block SIGHUP ends the program only if its terminal is gone.

    Gives what waits for the next one. It stays ignored if it was, for `nohup`.
    """
    import anyio

    told = anyio.Event()

    async def hung_up() -> None:
        nonlocal told
        await told.wait()
        told = anyio.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        if terminal is not None and _terminal() is None and callable(before):
            before(number, frame)
        else:
            told.set()

    main = threading.current_thread() is threading.main_thread()
    if _SIGHUP is None or not main or signal.getsignal(_SIGHUP) is signal.SIG_IGN:
        yield hung_up
        return
    terminal, before = _terminal(), signal.signal(_SIGHUP, hear)
    try:
        yield hung_up
    finally:
        signal.signal(_SIGHUP, before)


def leave(status: int) -> int:
    """Return the exit status; Python has a few seconds left, and any signal ends it at once.

    It has none left, and this does not return, while a thread hangs in a driver or a tool.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    from agent.guards.thread import left_behind

    if left_behind():
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(status)
    _force_after(EXIT_LIMIT, status)
    return status


def _begin() -> None:
    """The first Ctrl-C has been taken in, on the event loop."""
    _ending.begin()
    if sys.stdout is not None and sys.stdout.isatty():
        # The live view hides the cursor: the second Ctrl-C would leave it so.
        os.write(sys.stdout.fileno(), b"\x1b[?25h")


@contextmanager
def _second_ends() -> Iterator[None]:
    """For the length of a block, a thread ends the program at the second Ctrl-C.

    The main thread may be in native code then. What sends the first one may send it twice, as
    `timeout` and others that forward signals do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    import asyncio

    wake = asyncio.get_running_loop().call_soon_threadsafe
    mine, python = socket.socketpair()
    python.setblocking(False)
    before = signal.set_wakeup_fd(python.fileno(), warn_on_full_buffer=False)

    def watch() -> None:
        first: float | None = None
        with mine:
            while numbers := mine.recv(1):
                with suppress(RuntimeError):  # a loop that is closed
                    wake(int)  # a signal that comes just before it waits does not end the wait
                if numbers[0] != signal.SIGINT:
                    continue
                if first is not None and time.monotonic() - first > _ONE:
                    os._exit(130)
                first = first or time.monotonic()

    threading.Thread(target=watch, name="signals", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        python.close()  # which ends the thread


def _force_after(seconds: float, status: int, why: str = "") -> threading.Timer:
    def force() -> None:
        if why:
            teller = threading.Thread(target=_tell, args=(why,), daemon=True)
            teller.start()
            teller.join(0.2)  # a terminal may take nothing more
        os._exit(status)

    timer = threading.Timer(seconds, force)
    timer.daemon = True
    timer.start()
    return timer


def _tell(why: str) -> None:
    print(f"parley: {why}: ended as it was", file=sys.stderr, flush=True)


def _terminal() -> int | None:
    """The device number of the terminal that the standard streams lead to, if one does."""
    for descriptor in (0, 1, 2):
        if os.isatty(descriptor):
            return os.fstat(descriptor).st_rdev
    return None


def _redirect(terminal: int | None) -> None:
    """Lead every descriptor of a terminal that is gone nowhere: writing there is an error."""
    if terminal is None:
        return
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(_DESCRIPTORS):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == terminal:
            os.dup2(nowhere, descriptor, inheritable=descriptor < 3)
    os.close(nowhere)
