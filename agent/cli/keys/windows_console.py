"""The console of Windows itself, by `ReadConsoleInputW` of kernel32.

Structures and constants are those of Microsoft's documentation of the console's functions. It
waits for input and for a stop together, so that nothing is polled. The console's mode stays as it
is: Ctrl-C is a signal.
"""

import ctypes
import sys
from collections.abc import Sequence
from ctypes import POINTER, Structure, Union, byref, c_ushort, c_void_p
from typing import Any

from agent.cli.keys.console_keys import Record

_STD_INPUT_HANDLE = -10
_KEY_EVENT = 0x0001
_INFINITE = 0xFFFFFFFF
_WAIT_FAILED = 0xFFFFFFFF
_AT_ONCE = 128  # records that are read

_BOOL, _DWORD, _WORD = ctypes.c_int, ctypes.c_uint32, ctypes.c_uint16


class _Key(Structure):
    _fields_ = (
        ("bKeyDown", _BOOL),
        ("wRepeatCount", _WORD),
        ("wVirtualKeyCode", _WORD),
        ("wVirtualScanCode", _WORD),
        ("UnicodeChar", c_ushort),
        ("dwControlKeyState", _DWORD),
    )


class _Event(Union):
    # The other members, of mice, menus, sizes and focus, are no larger.
    _fields_ = (("KeyEvent", _Key),)


class InputRecord(Structure):
    """`INPUT_RECORD`: 20 bytes, its union from the fourth on."""

    _fields_ = (("EventType", _WORD), ("Event", _Event))


def records(events: Sequence[InputRecord]) -> list[Record]:
    """Return the keys among what the console told of."""
    found = []
    for event in events:
        if event.EventType == _KEY_EVENT:
            key = event.Event.KeyEvent
            char = chr(key.UnicodeChar) if key.UnicodeChar else ""
            found.append(
                Record(bool(key.bKeyDown), key.wVirtualKeyCode, char, key.dwControlKeyState)
            )
    return found


class WindowsConsole:
    """The console that the program's input comes from."""

    stopped: bool
    """Whether `stop` has been called."""
    _kernel: Any
    _input: Any
    _stop: Any

    def __init__(self) -> None:
        """Raises OSError where there is none."""
        if sys.platform != "win32":
            raise OSError("this is not Windows")
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.GetStdHandle.restype = kernel.CreateEventW.restype = c_void_p
        kernel.ReadConsoleInputW.argtypes = (c_void_p, POINTER(InputRecord), _DWORD, c_void_p)
        kernel.WaitForMultipleObjects.argtypes = (_DWORD, c_void_p, _BOOL, _DWORD)
        kernel.WaitForMultipleObjects.restype = _DWORD
        kernel.SetEvent.argtypes = (c_void_p,)
        kernel.CreateEventW.argtypes = (c_void_p, _BOOL, _BOOL, c_void_p)
        self._kernel = kernel
        self._input = kernel.GetStdHandle(_STD_INPUT_HANDLE)
        self._stop = kernel.CreateEventW(None, True, False, None)
        if not self._input or not self._stop:
            raise ctypes.WinError(ctypes.get_last_error())
        self.stopped = False

    def read(self) -> Sequence[Record]:
        """Wait for input, and return the keys in it. Raises OSError when the console is gone."""
        if sys.platform != "win32":
            raise OSError("this is not Windows")
        handles = (c_void_p * 2)(self._stop, self._input)
        ready = self._kernel.WaitForMultipleObjects(2, handles, False, _INFINITE)
        if ready == 0:
            return []
        read, events = _DWORD(), (InputRecord * _AT_ONCE)()
        done = ready != _WAIT_FAILED and self._kernel.ReadConsoleInputW(
            self._input, events, _AT_ONCE, byref(read)
        )
        if not done:
            raise ctypes.WinError(ctypes.get_last_error())
        return records(events[: read.value])

    def stop(self) -> None:
        """End `read`, now or when it is called."""
        self.stopped = True
        self._kernel.SetEvent(self._stop)
