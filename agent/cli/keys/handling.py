"""Keys in the live view: from the terminal to what they do, for as long as a conversation lasts."""

import signal
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import anyio
from anyio.abc import TaskGroup

from agent.audio.open import is_file
from agent.audio.wakeup import Wakeup
from agent.cli.keys.console_keys import Console, ConsoleReader
from agent.cli.keys.decoder import Key
from agent.cli.keys.hands import Hands
from agent.cli.keys.reader import KeyReader
from agent.cli.keys.terminal import Terminal
from agent.cli.view import LiveView, PlainView
from agent.events import NoticeEvent, Report
from agent.steering.steering import Steering


@asynccontextmanager
async def handled(
    view: PlainView,
    steering: Steering,
    tasks: TaskGroup,
    leave: Callable[[], None],
    report: Report,
) -> AsyncGenerator[None, None]:
    """Have keys steer the conversation for the length of a block; `q` calls `leave`.

    Where no keys come, that is said once: unless a file is the microphone, and nobody is there.
    """
    if isinstance(view, LiveView):
        view.steering = steering
        hands = Hands(steering, tasks, clock=anyio.current_time, leave=leave)
        if (console := windows_console()) is not None:
            with ConsoleReader.of(console) as reader:
                view.hands = hands.rows
                tasks.start_soon(_take_keys, reader.keys(), hands, view, lambda: True)
                yield
            return
        if sys.platform != "win32" and sys.stdin is not None and sys.stdin.isatty():
            terminal = Terminal()
            stopped = Wakeup()
            with terminal.watched(), KeyReader.of(terminal) as keys, _when_stopped(stopped.set):
                view.hands = hands.rows
                tasks.start_soon(_take_keys, keys.keys(), hands, view, lambda: terminal.kitty)
                tasks.start_soon(_stop, stopped, terminal, view)
                yield
            return
    if not is_file(steering.conversation.config.microphone.device):
        message = "no keys here, for this is no terminal: parley ctl mutes, stops, asks …"
        report(NoticeEvent("control", "control.keys", message))
    yield


def windows_console() -> Console | None:
    """Return the console that keys come from; None where it is none of Windows'."""
    if sys.platform != "win32" or sys.stdin is None or not sys.stdin.isatty():
        return None
    from agent.cli.keys.windows_console import WindowsConsole

    try:
        return WindowsConsole()
    except OSError:
        return None


async def _take_keys(
    keys: AsyncIterator[Key], hands: Hands, view: LiveView, tells_release: Callable[[], bool]
) -> None:
    """Do what each key says, and show it; `tells_release`: is it told that a key is let go?"""
    async for key in keys:
        hands(key, tells_release=tells_release())
        view.refresh()


async def _stop(stopped: Wakeup, terminal: Terminal, view: LiveView) -> None:
    """Ctrl-Z: what is drawn is taken back before the shell has the terminal, and comes again."""
    while True:
        await stopped.wait()
        with view.hidden():
            terminal.stop()


@contextmanager
def _when_stopped(tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` instead of being stopped by the terminal, for the length of a block."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        tell()

    if threading.current_thread() is not threading.main_thread() or sys.platform == "win32":
        yield
        return
    before = signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
