"""Lines of text as they come in: each is a turn of the user's, and none without end."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable

LONGEST = 20_000
"""Characters of a line: half an hour of speech."""


def too_long(number: int | None = None) -> str:
    """What is said of a line that is not taken; `number` counts from 1."""
    where = "that line" if number is None else f"line {number}"
    return f"{where} is longer than {LONGEST} characters: it was not asked"


async def lines(
    fragments: AsyncIterator[str], refuse: Callable[[str], None]
) -> AsyncGenerator[str, None]:
    """The lines that have something in them, without white space around; the last may not end.

    `refuse` is told of one that is longer than `LONGEST`, of which no more is kept.
    """
    number, kept, length = 1, "", 0
    async for fragment in fragments:
        *ended, rest = fragment.split("\n")
        for part in ended:
            if line := _whole(kept + part[: LONGEST + 1], length + len(part), number, refuse):
                yield line
            number, kept, length = number + 1, "", 0
        length += len(rest)
        kept = (kept + rest)[: LONGEST + 1]
    if line := _whole(kept, length, number, refuse):
        yield line


def _whole(line: str, length: int, number: int, refuse: Callable[[str], None]) -> str:
    if length <= LONGEST:
        return line.strip()
    refuse(too_long(number))
    return ""
