"""Where the commands that speak play, and where all of them warn."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from agent.audio.open import open_speaker
from agent.audio.output import ReplyTrack
from agent.config.sections import SpeakerSettings
from agent.events import Event, WarningEvent


@asynccontextmanager
async def playing(settings: SpeakerSettings, sample_rate: int) -> AsyncGenerator[ReplyTrack, None]:
    """Open the speaker and a track on it at `sample_rate` Hz; `drain` it before the block ends.

    Raises AudioError, in a group, if there is no such speaker.
    """
    async with anyio.create_task_group() as tasks:
        speaker = open_speaker(settings, report, sample_rate)
        await tasks.start(speaker.run)
        yield speaker.playback.open(sample_rate)
        tasks.cancel_scope.cancel()


def report(event: Event) -> None:
    """Tell people of an event, if it is a warning."""
    if isinstance(event, WarningEvent):
        warn(event.message)


def warn(message: str) -> None:
    """A line on stderr."""
    print(f"parley: {message}", file=sys.stderr)


def loading(what: str) -> None:
    """Say on a terminal that something is being loaded: progress bars, if any, follow."""
    if sys.stderr.isatty():
        print(f"loading {what} …", file=sys.stderr)
