"""Scalars of YAML 1.2: `no` is a word, `010` is no octal number and `1:30` no time."""

from collections.abc import Callable
from typing import Any


def _whole(text: str) -> int:
    if len(text) > 19 or abs(value := int(text, 0)) >= 10**18:
        raise ValueError("has more than 18 digits")
    return value


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("has a NUL character in it")
    try:
        # Two halves of a pair are a character, as in JSON.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise ValueError("has half a surrogate pair in it") from None


TAG = "tag:yaml.org,2002:"
SCALARS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "null": (r"~|null|Null|NULL|", lambda _: None),
    "bool": (r"true|True|TRUE|false|False|FALSE", lambda text: text.lower() == "true"),
    "int": (r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+", _whole),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan",
        lambda text: float(text.replace(".inf", "inf").replace(".nan", "nan")),
    ),
    "str": (r"(?s:.*)", _text),
}
"""What a scalar may be: its tag, how it looks, how it is read; what reads it raises ValueError."""
