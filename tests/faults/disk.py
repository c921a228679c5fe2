"""Disks that are full or hang, for files that are open."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.events import Event, WarningEvent
from agent.guards.background import BackgroundFile


@contextmanager
def full(descriptor: int) -> Iterator[Callable[[], None]]:
    """What is written to an open file finds no space left, until there is room again."""
    room, no_room = os.dup(descriptor), os.open("/dev/full", os.O_RDWR)

    def make_room() -> None:
        os.dup2(room, descriptor)

    os.dup2(no_room, descriptor)
    try:
        yield make_room
    finally:
        make_room()
        os.close(room)
        os.close(no_room)


@contextmanager
def hanging(descriptor: int) -> Iterator[None]:
    """What is written to an open file waits, until the end of the block."""
    kept = os.dup(descriptor)
    read, write = os.pipe()
    os.set_blocking(write, False)
    while True:
        try:
            os.write(write, bytes(1 << 16))
        except BlockingIOError:
            break
    os.set_blocking(write, True)
    os.dup2(write, descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(write)
        os.close(read)  # now the write fails, and is tried again


def settle(*files: BackgroundFile) -> None:
    """Wait until what was given to the files is written, or has failed to be."""
    for file in files:
        began = time.monotonic()
        while file._busy and not file._trouble:
            assert time.monotonic() < began + 5
            time.sleep(0.001)


def codes(told: list[Event]) -> list[str]:
    """Those of the warnings among some events."""
    return [event.code for event in told if isinstance(event, WarningEvent)]
