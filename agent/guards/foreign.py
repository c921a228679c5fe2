"""Foreign code: whatever comes out of an engine or a tool is a failure like any other.

A library may raise `SystemExit`, `GeneratorExit` or, out of a task of its own that was cancelled,
asyncio's `CancelledError`. None of them is an `Exception`, and each would end the conversation,
some of them without a word. What is meant for us passes: our own cancellation, which the cancel
scopes around us know of, and Ctrl-C, which a signal brings.
"""

import asyncio
import dis
import math
from types import TracebackType

import anyio

from agent.errors import leaves_of
from agent.guards.text import valid


class ForeignError(Exception):
    """Foreign code raised what is no Exception; the message says what."""


class foreign:  # noqa: N801  (used as `with foreign():`, like contextlib's own)
    """The border around a call of foreign code: what it raises is an Exception, or meant for us.

    Raises ForeignError in the place of any other BaseException, and of a group that holds one.
    """

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, Exception):
            return
        leaves = list(leaves_of(error))
        others = [leaf for leaf in leaves if not _is_cancellation(leaf)]
        ours = len(others) < len(leaves) and _cancelled(beside=bool(others))
        if not ours and not any(map(_from_keyboard, leaves)):
            raise ForeignError("; ".join(map(describe, others or leaves))) from error


def only(error: BaseException) -> BaseException:
    """The exception inside a group of one, however deep; a real group stays as it is."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def describe(error: BaseException) -> str:
    """Return the kind and the message of an error, for people; of a group each one's."""
    return "; ".join(_describe(leaf) for leaf in leaves_of(error))


def _describe(error: BaseException) -> str:
    kind = type(error).__name__
    try:
        message = valid(str(error))
    except Exception:  # noqa: BLE001  (an exception that cannot say what it is)
        message = ""
    if isinstance(error, ForeignError):
        return message
    return f"{kind}: {message}" if message else kind


def _is_cancellation(error: BaseException) -> bool:
    return isinstance(error, anyio.get_cancelled_exc_class())


def _cancelled(*, beside: bool) -> bool:
    """Whether a scope around this place is cancelled, or the task is, as asyncio does it.

    A scope cancels again wherever we wait next: a failure `beside` its cancellation can be told.
    """
    if anyio.current_effective_deadline() == -math.inf:
        return not beside
    if anyio.get_cancelled_exc_class() is not asyncio.CancelledError:
        return False
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _from_keyboard(error: BaseException) -> bool:
    """Whether a signal brought it, and not a `raise` in the foreign code itself."""
    if not isinstance(error, KeyboardInterrupt):
        return False
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return True
    code = place.tb_frame.f_code
    handled = place.tb_frame.f_globals.get("__name__", "").split(".")[0] in ("asyncio", "trio")
    return handled or code.co_code[place.tb_lasti] != dis.opmap["RAISE_VARARGS"]
