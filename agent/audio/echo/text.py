"""Did the agent hear its own words? What was understood, against what was said."""

import re

_SHORT = 2  # words that people say themselves all the time
_JUST = 3  # words that are spoken in about a second
_WRONG = 0.34  # of the letters that a recogniser may get wrong in an echo


def repeats(transcript: str, spoken: str) -> bool:
    """Whether `transcript` is no more than a piece of what the agent has just `spoken`.

    Letter by letter, since a recogniser mishears an echo, at its edges more than elsewhere. One or
    two words count only if they are exactly the last ones that were spoken: a "yes" is the user's.
    Ask only about speech that began while the agent sounded: people like to answer a question in
    its own words.
    """
    heard, said = _words(transcript), _words(spoken)
    if not heard:
        return False
    if len(heard) <= _SHORT:
        just = said[-_JUST:]
        return any(just[at : at + len(heard)] == heard for at in range(len(just)))
    recent = said[-(2 * len(heard) + 10) :]
    pattern = " ".join(heard)
    return _distance(pattern, " ".join(recent)) <= _WRONG * len(pattern)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold().replace("'", "").replace("’", ""))


def _distance(pattern: str, text: str) -> int:
    """The edits from `pattern` to the piece of `text` that is most like it (Sellers, 1980)."""
    row = [0] * (len(text) + 1)  # a piece may begin anywhere
    for number, letter in enumerate(pattern, 1):
        previous, row = row, [number]
        for at, other in enumerate(text):
            row.append(min(previous[at] + (letter != other), previous[at + 1] + 1, row[at] + 1))
    return min(row)  # and end anywhere
