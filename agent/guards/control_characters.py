"""Control characters in text from outside: shown to people, never sent to their terminal.

A terminal obeys what is written to it: a title is set, a screen cleared, the clipboard filled, and
a name read backwards. What a model, a tool, a server or a file says is text and no more.
"""

import json
import re
from typing import Any

# C0 but the tab and the line feed, DEL, C1; separators of lines and the overrides, embeddings and
# isolates of direction; halves of surrogate pairs, which nothing can write.
_OBEYED = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Return `text` with a picture (␛) in place of each control character, or a �: as long as it.

    Line feeds and tabs stay. What is visible already does not change.
    """
    return _OBEYED.sub(lambda found: _picture(found[0]), text)


def on_one_line(text: str) -> str:
    """Return `text` as `visible` does, with pictures of line feeds and tabs as well."""
    return visible(text).replace("\n", "␊").replace("\t", "␉")


def _picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "\ufffd"


def json_line(data: Any) -> str:
    """Return `data` as JSON on one line, with every control character escaped: it reads the same.

    `json.dumps` alone leaves those as they are that JSON allows and terminals obey.
    """
    line = json.dumps(data, ensure_ascii=False)
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
