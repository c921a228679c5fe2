"""Keys of Windows' console: its records in, keys out, by a thread of its own.

The console tells of every key that it goes down, again and again while it is held, and up. What is
pasted comes as keys, many at once: nobody types as fast.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Protocol

from agent.cli.keys.decoder import PASTED, Key
from agent.cli.keys.queue import KeyQueue

PASTE = 4
"""Characters that come at once and are a paste, not keys."""

_NAMES = {
    **{0x08: "backspace", 0x09: "tab", 0x0D: "enter", 0x1B: "escape", 0x20: "space"},
    **{0x23: "end", 0x24: "home", 0x25: "left", 0x26: "up", 0x27: "right", 0x28: "down"},
    0x2E: "delete",
}
_CTRL, _RIGHT_ALT = 0x4 | 0x8, 0x1
_LETTERS = range(0x41, 0x5B)


@dataclass(frozen=True, slots=True)
class Record:
    """A `KEY_EVENT_RECORD` of Windows: a key, by its virtual code, and what it types."""

    down: bool
    code: int
    char: str = ""
    """A UTF-16 unit, "" for none."""
    state: int = 0
    """`dwControlKeyState`."""


class Console(Protocol):
    """A console's input."""

    def read(self) -> Sequence[Record]:
        """Wait for input, and return the keys in it; blocks until there is some, or `stop`."""

    def stop(self) -> None:
        """End `read` in the other thread, now or when it is called."""

    @property
    def stopped(self) -> bool:
        """Whether it has been."""


class ConsoleDecoder:
    """A decoder makes keys of a console's records."""

    def __init__(self) -> None:
        self._held: dict[int, str] = {}  # codes of keys that are down, and their names
        self._high = ""  # the first half of a character beyond 16 bits

    def feed(self, records: Sequence[Record]) -> list[Key]:
        """Return the keys of records that came at once."""
        keys = [key for record in records for key in self._key(record)]
        typed = [key for key in keys if key.event == "press" and (key.text or key.name == "enter")]
        if len(typed) < PASTE:
            return keys
        text = "".join(key.text or "\n" for key in typed)
        return [Key("paste", text[:PASTED]), *(key for key in keys if key.event == "release")]

    def _key(self, record: Record) -> Iterator[Key]:
        ctrl = bool(record.state & _CTRL) and not record.state & _RIGHT_ALT  # AltGr is both
        if not record.down:
            if (name := self._held.pop(record.code, None)) is not None:
                yield Key(name, event="release")
            return
        text = self._text(record.char)
        name = _NAMES.get(record.code) or text
        if ctrl and record.code in _LETTERS:
            name = chr(record.code).lower()
        if not name:
            return
        repeats = self._held.get(record.code) == name
        self._held[record.code] = name
        typed = "" if ctrl or (record.code in _NAMES and name != "space") else text
        yield Key(name, typed, "repeat" if repeats else "press", ctrl)

    def _text(self, unit: str) -> str:
        if "\ud800" <= unit <= "\udbff":
            self._high = unit
            return ""
        whole, self._high = self._high + unit, ""
        text = whole.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
        return text if text.isprintable() else ""


class ConsoleReader:
    """The keys of a console, as they come."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._queue = KeyQueue()

    @classmethod
    @contextmanager
    def of(cls, console: Console) -> Iterator["ConsoleReader"]:
        """Read `console` for the length of a block."""
        reader = cls(console)
        thread = Thread(target=reader._run, name="keys", daemon=True)
        thread.start()
        try:
            yield reader
        finally:
            console.stop()
            thread.join()

    def keys(self) -> AsyncGenerator[Key]:
        """Each key as it comes."""
        return self._queue.keys()

    def _run(self) -> None:
        decoder = ConsoleDecoder()
        while True:
            try:
                records = self._console.read()
            except OSError:  # the console is gone
                return
            if self._console.stopped:
                return
            self._queue.put(decoder.feed(records))
