"""The decoder of what a terminal sends: bytes in, keys out. No terminal, no clock.

It knows the sequences of xterm, and those of the Kitty keyboard protocol, which tell when a key is
let go: `CSI code:shifted:base ; modifiers:event ; text u`, see
sw.kovidgoyal.net/kitty/keyboard-protocol.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

PASTED = 8000
"""Characters of what is pasted that are kept."""

_LONGEST = 64  # bytes of a sequence: longer is none
_CSI = re.compile(rb"\x1b\[([0-?]*)([ -/]*)([@-~])")
_EVENTS: dict[str, Literal["press", "repeat", "release"]] = {"2": "repeat", "3": "release"}
_CODES = {
    **{9: "tab", 13: "enter", 27: "escape", 32: "space", 127: "backspace"},
    **{57414: "enter", 57417: "left", 57418: "right", 57419: "up", 57420: "down"},
    **{57423: "home", 57424: "end", 57426: "delete"},
}
_FINALS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left", b"H": "home", b"F": "end"}
_TILDES = {"1": "home", "3": "delete", "4": "end", "7": "home", "8": "end"}
_CONTROLS = {"\r": "enter", "\n": "enter", "\t": "tab", "\x7f": "backspace", "\x08": "backspace"}
_PASTE, _PASTE_END = b"\x1b[200~", b"\x1b[201~"


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was pressed, held or let go, or text that was pasted."""

    name: str
    """The character, or a word such as `space`, `enter`, `left`, `paste`; `kitty`: an answer."""
    text: str = ""
    """What it types."""
    event: Literal["press", "repeat", "release"] = "press"
    ctrl: bool = False


class KeyDecoder:
    """A decoder makes keys of bytes, which may be cut anywhere."""

    def __init__(self) -> None:
        self._data = b""
        self._pasting = False
        self._text = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def waits(self) -> bool:
        """Whether a sequence has begun: it is the Escape key if no more comes of it."""
        return bool(self._data) and not self._pasting

    def feed(self, data: bytes) -> list[Key]:
        """Return the keys that are complete with these bytes."""
        self._data += data
        return list(self._keys(over=False))

    def flush(self) -> list[Key]:
        """Return what waits: no more will come of it."""
        return list(self._keys(over=True))

    def _keys(self, *, over: bool) -> Iterator[Key]:
        while self._data:
            if self._pasting:
                pasted, end, rest = self._data.partition(_PASTE_END)
                if not end:
                    self._data = self._data[-(PASTED * 4) :]
                    return
                self._data, self._pasting = rest, False
                yield Key("paste", pasted.decode("utf-8", "replace")[:PASTED])
            elif self._data.startswith(_PASTE):
                self._data, self._pasting = self._data[len(_PASTE) :], True
            elif self._data.startswith(b"\x1b"):
                size, key = self._sequence(over=over)
                if not size:
                    return
                self._data = self._data[size:]
                if key is not None:
                    yield key
            else:
                plain, *_ = self._data.split(b"\x1b", 1)
                self._data = self._data[len(plain) :]
                yield from map(_plain, self._text.decode(plain))

    def _sequence(self, *, over: bool) -> tuple[int, Key | None]:
        """How long the sequence is at the front, 0 while it is not complete, and its key."""
        data = self._data
        if (match := _CSI.match(data)) is not None:
            return match.end(), _csi(match[1].decode("ascii"), match[3])
        if data[:2] == b"\x1bO" and len(data) > 2:
            name = _FINALS.get(data[2:3])
            return 3, Key(name) if name else None
        complete = over or len(data) > _LONGEST or data[1:2] not in (b"", b"[", b"O")
        return (1, Key("escape")) if complete else (0, None)


def _plain(character: str) -> Key:
    """A character as terminals send it that know no other way."""
    if (name := _CONTROLS.get(character)) is not None:
        return Key(name)
    if character < " ":
        return Key(chr(ord(character) | 0x60), ctrl=True)
    return Key("space" if character == " " else character, character)


def _csi(parameters: str, final: bytes) -> Key | None:
    if parameters.startswith("?"):
        return Key("kitty") if final == b"u" else None
    fields = [field.split(":") for field in parameters.split(";")]
    modifiers = _number(fields[1][0], 1) - 1 if len(fields) > 1 else 0
    event = _EVENTS.get(fields[1][1], "press") if len(fields) > 1 and fields[1][1:] else "press"
    ctrl = bool(modifiers & 4)
    if final == b"u":
        typed = fields[2] if len(fields) > 2 else []
        text = "".join(map(_character, typed)) if not ctrl else ""
        return _kitty(fields[0], text, event, shift=bool(modifiers & 1), ctrl=ctrl)
    name = _TILDES.get(fields[0][0]) if final == b"~" else _FINALS.get(final)
    return Key(name, event=event, ctrl=ctrl) if name else None


def _kitty(
    codes: list[str],
    text: str,
    event: Literal["press", "repeat", "release"],
    *,
    shift: bool,
    ctrl: bool,
) -> Key | None:
    """A key of the protocol: by what it types or, where that is no ASCII, its place."""
    code = _number(codes[0], 0)
    if (name := _CODES.get(code)) is not None:
        return Key(name, " " if name == "space" else "", event, ctrl)
    shifted = _character(codes[1]) if len(codes) > 1 and codes[1] else _character(codes[0]).upper()
    own = text or (shifted if shift else _character(codes[0]))
    base = _character(codes[2]) if len(codes) > 2 else ""
    name = base if base and not own.isascii() else own
    return Key(name, text or ("" if ctrl else own), event, ctrl) if name else None


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() else otherwise


def _character(code: str) -> str:
    """The character of a code point; none for keys that are no characters."""
    number = _number(code, 0)
    printable = 32 <= number < 0x110000 and not 0xD800 <= number <= 0xF8FF
    return chr(number) if printable and chr(number).isprintable() else ""
