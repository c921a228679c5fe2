"""Errors: what can go wrong outside the engines, each with a message that says what to do."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches


class ParleyError(Exception):
    """The base of every error that the agent raises on purpose."""


class ConfigError(ParleyError):
    """A configuration that cannot be used: the message names file, line and key."""


class AudioError(ParleyError):
    """A device or an audio file that cannot be used."""


class StageError(ParleyError):
    """A stage of a graph failed; `stage` names it and `__cause__` is what it raised."""

    def __init__(self, stage: str, cause: BaseException) -> None:
        super().__init__(f"{stage}: {cause}")
        self.stage = stage


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return the end of a message about an unknown word: the nearest known one, or `otherwise`."""
    near = get_close_matches(word, list(known), n=1)
    return f", did you mean '{near[0]}'?" if near else otherwise


def leaves_of(error: BaseException) -> Iterator[BaseException]:
    """Iterate over the errors in a group, and in the groups within it; or over `error` itself."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from leaves_of(part)
    else:
        yield error
