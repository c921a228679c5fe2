"""Constructs inside a line that are read whole: code, addresses, tags, entities, emoji.

Each function reads one at the cursor and gives what is spoken of it, or gives None and reads
nothing when there is none.
"""

import html
import re

from tts.clean.emoji import ALWAYS, JOINER, KEYCAP, TEXTUAL, VARIATION_EMOJI
from tts.clean.source import Source, is_word
from tts.clean.writer import GAP

_SCHEMES = ("http://", "https://", "ftp://", "www.")
_ADDRESS_ENDS = ' \t\r\f\v\n<>"`[]|\\^{}。！？；：，、」』）'
_AFTER_ADDRESS = ".,;:!?'*_~"
_HOST = re.compile(r"(?:\w+://)?(?:[^/?#@]*@)?(?:www\.)?([^/?#:]*)", re.IGNORECASE)
_AUTOLINK = re.compile(r"[^\s@:/]+(?:@|://)\S+")
_TAG = re.compile(r"[/!]?([A-Za-z][A-Za-z0-9-]*)(?:[\s/].*)?")
_SEPARATING_TAG = re.compile(r"br|div|h[1-6]|hr|li|ol|p|table|t[dhr]|ul", re.IGNORECASE)
_ENTITY = "#0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def read_code(source: Source) -> str | None:
    """Read `code`, between two runs of as many backticks."""
    count = source.count("`")
    offset = source.find("`", count)
    while offset is not None:
        closing = source.count("`", offset)
        if closing == count:
            return source.take(offset + closing)[count:-count]
        offset = source.find("`", offset + closing)
    return None


def read_address(source: Source) -> str | None:
    """Read an address of the web, spoken as its host."""
    if is_word(source.before) or source.before in "@./-":
        return None
    if not any(_follows(source, scheme) for scheme in _SCHEMES):
        return None
    end = 0
    while (char := source.peek(end)) and char not in _ADDRESS_ENDS:
        end += 1
    address = source.look(0, end).rstrip(_AFTER_ADDRESS)
    while address.endswith(")") and address.count(")") > address.count("("):
        address = address[:-1].rstrip(_AFTER_ADDRESS)
    host = _HOST.match(address)
    if host is None or not host[1]:
        return None
    source.take(len(address))
    return host[1]


def read_tag(source: Source) -> str | None:
    """Read <b>, <!-- a comment -->, <https://an.address>."""
    if not source.peek(1).isalpha() and source.peek(1) not in ("/", "!"):
        return None
    if _follows(source, "<!--"):
        return _read_comment(source)
    end = source.find("<>", 1)
    inside = source.look(1, end) if end and source.peek(end) == ">" else ""
    if _AUTOLINK.fullmatch(inside):
        return _read_autolink(source, inside)
    tag = _TAG.fullmatch(inside)
    if tag is None:
        return None
    whole = source.take(len(inside) + 2)
    if tag[1].lower() == "break":  # a pause, for the engines that know it
        return whole
    return GAP if _SEPARATING_TAG.fullmatch(tag[1]) else ""


def _read_autolink(source: Source, inside: str) -> str:
    source.take(1)
    spoken = read_address(source) or inside
    source.take((source.find(">") or 0) + 1)
    return spoken


def _read_comment(source: Source) -> str | None:
    end = source.find(">", 4)
    while end is not None and source.look(end - 2, end) != "--":
        end = source.find(">", end + 1)
    if end is None:
        return None
    source.take(end + 1)
    return ""


def read_entity(source: Source) -> str | None:
    """Read &amp; and the like."""
    end = 1 + source.count(_ENTITY, 1)
    if source.peek(end) != ";":
        return None
    return re.sub(r"\s", " ", html.unescape(source.take(end + 1)))


def read_escape(source: Source) -> str | None:
    """Read a mark after a backslash, which is none."""
    if not source.peek(1) or source.peek(1) not in _PUNCTUATION:
        return None
    return source.take(2)[1]


def read_emoji(source: Source) -> str | None:
    """Read a part of an emoji: those of several characters vanish one after another."""
    char = source.peek()
    if char in ALWAYS:
        length = 1
    elif (char in TEXTUAL and source.peek(1) == VARIATION_EMOJI) or (
        char == JOINER and source.peek(1) in ALWAYS | TEXTUAL
    ):
        length = 2
    else:
        return None
    source.take(length)
    return GAP


def read_keycap(source: Source) -> str | None:
    """Read a digit, # or * on a key."""
    length = 2 if source.peek(1) == VARIATION_EMOJI else 1
    if source.peek(length) != KEYCAP:
        return None
    source.take(length + 1)
    return GAP


def _follows(source: Source, text: str) -> bool:
    return all(source.peek(i).lower() == char for i, char in enumerate(text))
