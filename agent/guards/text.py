"""Text from outside: whatever an engine, a tool, a file or a server calls text is made valid.

A Python string may hold halves of surrogate pairs, which no encoding takes: JSON's "\\ud83d", the
name of a file that is not UTF-8, half an emoji at the end of a token. It is mended once, where it
enters; inside the program every string can be written down.
"""

import json
from typing import Any


def valid(text: str) -> str:
    """Return `text` as it can be encoded: pairs of halves joined, a lone half is U+FFFD.

    NUL, which ends a text for half of the world's programs, is left out.
    """
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def valid_json(value: Any) -> Any:
    """Return what was read as JSON with every text in it valid, keys included."""
    return json.loads(valid(json.dumps(value, ensure_ascii=False)))


class ValidText:
    """A stream of fragments made valid: a pair of halves may come in two of them."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, fragment: str) -> str:
        """Return what can be told of the text so far; the first half of a pair waits."""
        text = self._half + fragment
        self._half = text[-1] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return valid(text[: len(text) - len(self._half)])

    def finish(self) -> str:
        """Return what waited for a second half that did not come."""
        half, self._half = self._half, ""
        return valid(half)
