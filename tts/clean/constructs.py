"""Constructs inside a line that are read whole: code, addresses, entities, emoji.

Each function reads one at the cursor and gives what is spoken of it, or gives None and reads
nothing when there is none.
"""

import html
import re

from tts.clean.emoji import ALWAYS, JOINER, KEYCAP, TEXTUAL, VARIATION_EMOJI
from tts.clean.source import LONGEST, PATIENCE, RUN, Source, is_word
from tts.clean.writer import GAP

_BLANKS = " \t"
_SCHEMES = ("http://", "https://", "ftp://", "www.")
_ADDRESS_ENDS = ' \t\r\f\v\n<>"`[]|\\^{}。！？；：，、」』）'
_AFTER_ADDRESS = ".,;:!?'*_~"
_HOST = re.compile(r"(?:\w+://)?(?:[^/?#@]*@)?(?:www\.)?([^/?#:]*)", re.IGNORECASE)
_PARENTHESES = 32
"""Depth to which those of an address may be nested."""
_IN_LINK = re.compile(r"[()\s]|\]\(")
_CODE_END = re.compile(r"`|\n|(?<=[^\W\d_]{2})[.!?…]\s")
_ENTITY = "#0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LONGEST_ENTITY = 32
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def read_code(source: Source) -> str | None:
    """Read `code`, between two runs of as many backticks."""
    count = source.count("`", limit=RUN)
    offset = count
    while (found := source.search(_CODE_END, offset, PATIENCE)) is not None and found[0] == "`":
        offset = source.offset(found.start())
        closing = source.count("`", offset, limit=RUN)
        if closing == count:
            return source.take(offset + closing)[count:-count]
        offset += closing
    return None


def read_address(source: Source) -> str | None:
    """Read an address of the web, spoken as its host."""
    if is_word(source.before) or source.before in "@./-":
        return None
    if not any(_follows(source, scheme) for scheme in _SCHEMES):
        return None
    end = source.count(_ADDRESS_ENDS, limit=LONGEST, others=True)
    address = source.look(0, end).rstrip(_AFTER_ADDRESS)
    unmatched = address.count(")") - address.count("(")
    while address.endswith(")") and unmatched > 0:
        address, unmatched = address[:-1].rstrip(_AFTER_ADDRESS), unmatched - 1
    host = _HOST.match(address)
    if host is None or not host[1]:
        return None
    source.take(len(address))
    return host[1]


def link_end(source: Source, offset: int) -> int | None:
    """Where "(url)" or "(url "title")" ends that begins at `offset`; None if it is none."""
    if source.peek(offset) != "(":
        return None
    offset += 1
    offset += source.count(_BLANKS, offset, limit=PATIENCE)
    end = _destination_end(source, offset)
    if end is None:
        return None
    blanks = source.count(_BLANKS, end, limit=PATIENCE)
    end += blanks
    closing = {'"': '"', "'": "'", "(": "()"}.get(source.peek(end))
    if closing and blanks:
        title = source.find(closing, end + 1, limit=end + PATIENCE)
        if title is None:
            return None
        end = title + 1 + source.count(_BLANKS, title + 1, limit=PATIENCE)
    return end + 1 if source.peek(end) == ")" else None


def _destination_end(source: Source, offset: int) -> int | None:
    if source.peek(offset) == "<":
        end = source.find("<>", offset + 1, limit=LONGEST)
        return None if end is None or source.peek(end) != ">" else end + 1
    depth = 0
    # An address holds no other link: so each part of a text is searched for one link only.
    while (found := source.search(_IN_LINK, offset, LONGEST)) is not None:
        offset = source.offset(found.end())
        depth += (found[0] == "(") - (found[0] == ")")
        if depth < 0 or found[0].isspace():
            return offset - 1
        if depth > _PARENTHESES or found[0] == "](":
            return None
    return None


def read_entity(source: Source) -> str | None:
    """Read &amp; and the like."""
    end = 1 + source.count(_ENTITY, 1, limit=_LONGEST_ENTITY)
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
