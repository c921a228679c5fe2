"""Reader of what stands in angle brackets: elements of HTML, comments, addresses, placeholders."""

import re
from collections.abc import Collection

from tts.clean.constructs import read_address
from tts.clean.sounds import as_sound
from tts.clean.source import LONGEST, PATIENCE, Source, is_word
from tts.clean.writer import CELL, GAP

_ELEMENTS = frozenset(
    re.findall(
        r"\S+",
        "a abbr acronym address applet area article aside audio b base bdi bdo big blockquote "
        "body br button canvas caption center cite code col colgroup data datalist dd del "
        "details dfn dialog dir div dl dt em embed fieldset figcaption figure font footer form "
        "frame frameset g h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins "
        "kbd label legend li link main map mark marquee math menu meta meter nav nobr noscript "
        "object ol optgroup option output p param path picture pre progress q rp rt ruby s samp "
        "script search section select slot small source span strike strong style sub summary "
        "sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul "
        "var video wbr break speak prosody emphasis say-as phoneme voice lang amazon:effect "
        "mstts:express-as mstts:silence",
    )
)
"""Of HTML, and of the markup language for speech (SSML), which no engine here knows."""
_SEPARATING = re.compile(r"br|dd|div|dt|h[1-6]|hr|li|ol|p|table|t[dhr]|ul")
_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:."
_SWITCHES = frozenset(
    re.findall(
        r"\S+",
        "allowfullscreen async autofocus autoplay checked controls default defer disabled "
        "download hidden ismap itemscope loop multiple muted nomodule novalidate open "
        "playsinline readonly required reversed selected",
    )
)
"""Attributes without a value."""
_ATTRIBUTES = 40
_SPACES = " \t\r"
_AUTOLINK = re.compile(r"[^\s@:/]+(?:@|://)\S+")
_PLACEHOLDER = re.compile(r"[^\W\d_](?:[\w .,:'’|/+-]*[\w.+])?")
_PLACEHOLDER_END = re.compile(r"[<>=\"\n]|[.!?;:]\s")
_CONTROL = re.compile(r"\|[^|<>\s]{1,40}\|")
_COMMENT_END = re.compile(r"-->|<!--|\n")


def read_tag(source: Source, sounds: Collection[str]) -> str | None:
    """Read <b>, <!-- a comment -->, <a@b.c>, a control token; <Enter> is spoken as its words.

    For an engine that makes `sounds`, <break> stays.
    """
    char = source.peek(1)
    if char == "|":
        return _read_control(source)
    if char in ("!", "/"):
        return _read_comment(source) if _follows(source, "<!--") else _read_other(source)
    if not char.isalpha():
        return None
    length = source.count(_NAME, 1, limit=40)
    name = source.look(1, 1 + length)
    if name in _ELEMENTS or (name.isupper() and name.lower() in _ELEMENTS):
        end = _element_end(source, 1 + length)
        if end is not None:
            return _spoken_of(name.lower(), source.take(end), sounds)
    return _read_placeholder(source, sounds)


def _spoken_of(name: str, element: str, sounds: Collection[str]) -> str:
    if name == "break":
        return element if sounds else CELL
    return GAP if _SEPARATING.fullmatch(name) else ""


def _element_end(source: Source, offset: int) -> int | None:
    """Where a tag ends whose name ends at `offset`; None if what follows is no attribute."""
    for _ in range(_ATTRIBUTES):
        spaces = source.count(_SPACES + "\n", offset, limit=20)
        offset += spaces
        char = source.peek(offset)
        if char == ">":
            return offset + 1
        if char == "/" and source.peek(offset + 1) == ">":
            return offset + 2
        length = source.count(_NAME + "@", offset, limit=40)
        if not spaces or not length:
            return None
        name = source.look(offset, offset + length).lower()
        offset += length
        if source.peek(offset) != "=":
            if name not in _SWITCHES:
                return None
            continue
        value = _value_end(source, offset + 1)
        if value is None:
            return None
        offset = value
    return None  # so many attributes has no element


def _value_end(source: Source, offset: int) -> int | None:
    quote = source.peek(offset)
    if quote in ('"', "'"):
        end = source.find(quote + "< ", offset + 1, limit=LONGEST)
        if end is not None and source.peek(end) == " ":  # no address: words, which may be a text
            end = source.find(quote + "<", end, limit=offset + PATIENCE)
        return None if end is None or source.peek(end) != quote else end + 1
    end = source.find(" \t\r\"'=<>`", offset, limit=offset + PATIENCE)
    return None if end is None or end == offset else end


def _read_other(source: Source) -> str | None:
    """Read </b> or <!DOCTYPE html>."""
    end = source.find("<>", 2, limit=PATIENCE)
    if end is None or source.peek(end) == "<" or not source.peek(2).isalpha():
        return None
    source.take(end + 1)
    return ""


def _read_control(source: Source) -> str | None:
    """Read a control token of a language model, such as <|im_end|>."""
    end = source.find(">", 2, limit=44)
    if end is None or not _CONTROL.fullmatch(source.look(1, end)):
        return None
    source.take(end + 1)
    return GAP


def _read_placeholder(source: Source, sounds: Collection[str]) -> str | None:
    """Read <your name>, List<String>, <a@b.c>; but a<b and c>d are comparisons."""
    end = source.find("<> \t", 1, limit=LONGEST)
    inside = source.look(1, end) if end and source.peek(end) == ">" else ""
    if _AUTOLINK.fullmatch(inside):
        source.take(1)
        spoken = read_address(source) or inside
        source.take((source.find(">", limit=LONGEST) or 0) + 1)
        return spoken
    found = source.search(_PLACEHOLDER_END, 1, PATIENCE)
    if found is None or found[0] != ">":
        return None
    end = source.offset(found.start())
    inside = source.look(1, end)
    compares = is_word(source.before) and is_word(source.peek(end + 1))
    if compares or not _PLACEHOLDER.fullmatch(inside):
        return None
    source.take(end + 1)
    return as_sound(inside, sounds) or f"{GAP}{inside}{GAP}"


def _read_comment(source: Source) -> str | None:
    found = source.search(_COMMENT_END, 4, PATIENCE)
    if found is None or found[0] != "-->":
        return None
    source.take(source.offset(found.end()))
    return ""


def _follows(source: Source, text: str) -> bool:
    return all(source.peek(i) == char for i, char in enumerate(text))
