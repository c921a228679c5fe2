"""Is a list being told? Each item of it may be a whole sentence, and sound like one.

Press 1 to enter an extension, …; there are two problems with the car, …; not only … but: what
opens a list in English tells that more will come, until its last item does.
"""

import re

_NUMBERS = r"(?:\d{1,2}|one|two|three|four|five|six|seven|eight|nine|zero)"
_KEYS = rf"(?:press|dial|push) {_NUMBERS}"
_ONE = "(?:press|dial|push) (?:1|one)"
_FIRST_KEY = re.compile(rf"\b{_ONE} (?:to|for|if)\b|\b(?:to|for|if) .*\b{_ONE}\b")
_LAST_KEY = re.compile(
    rf"(?<!\d )\b(?:or|and|otherwise|finally),? (?:please )?"
    rf"(?:{_KEYS}|press\b|{_NUMBERS} (?:to|for|if)\b)[^.?!]*[.?!]*$"
)
"""Its last item, such as "or 2 to reject it": not "4 or 6 to …"."""

_THINGS = r"(?:things|questions|problems|points|reasons|requests|options|ideas|possibilities)"
_SOME = r"(?:two|three|four|five|several|a few|a couple of|some)"
_PAIRS = tuple(
    (re.compile(opens), re.compile(closes))
    for opens, closes in (
        (
            r"^(?:first(?:ly)?(?: of all)?,|first (?:of all|i|we|you)\b|number one\b"
            r"|on the one hand\b|the first (?:one|thing|question|problem|point|reason) is\b)",
            r"\b(?:second|secondly|then|next|and|also|finally|lastly|two|other)\b",
        ),
        (r"\bnot only\b", r"\bbut\b"),
        (r"^either (?!one|of|way)", r"\bor\b"),
        (
            rf"\b(?:there are|i have|i've got|we have) {_SOME} (?:other )?{_THINGS}\b",
            rf"\b{_THINGS}\b.*(?:[.,:;!?] *\w|\band\b)",
        ),
    )
)
"""What opens a list of two or more, and what shows that the rest of it has come."""


def goes_on(text: str) -> bool:
    """Whether `text`, in English as a recogniser wrote it, is a list of which more will come."""
    text = text.strip().lower().replace("’", "'")
    if _FIRST_KEY.search(text):
        return _LAST_KEY.search(text) is None
    last = re.split(r"[.?!] +", text)[-1]
    return any(opens.search(last) and not closes.search(last) for opens, closes in _PAIRS)
