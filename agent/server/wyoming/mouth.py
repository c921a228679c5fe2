"""What Home Assistant wants said, on its way to the speaker: one answer after the other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio
import numpy as np
from numpy.typing import NDArray
from wyoming.audio import AudioChunk

from agent.audio.output import Output, ReplyTrack
from agent.server.wyoming.sound import Converter
from agent.server.wyoming.wire import EventError

LONGEST = 600.0
"""Seconds of one answer; Home Assistant sends it faster than it can be heard."""
ANSWERS = 8
"""Answers that may wait for each other."""


@dataclass(slots=True, eq=False)
class _Answer:
    """One answer: its sound as it comes, and who is told when it has been heard."""

    converter: Converter
    played: Callable[[], Awaitable[None]]
    length: int = 0
    stopped: bool = False
    ended: bool = False
    pieces: list[NDArray[np.float32]] = field(default_factory=list)
    more: anyio.Event = field(default_factory=anyio.Event)


class Mouth:
    """The mouth plays what it is given, in order, for as long as it runs."""

    def __init__(self, playback: Callable[[], Output]) -> None:
        """`playback` gives the speaker's, once it is open."""
        self._playback = playback
        self._send, self._answers = anyio.create_memory_object_stream[_Answer](ANSWERS)
        self._writing: _Answer | None = None
        self._playing: tuple[_Answer, ReplyTrack] | None = None
        self._waiting: list[_Answer] = []

    def close(self) -> None:
        """Take no more answers; also for one that never ran."""
        self._send.close()
        self._answers.close()

    @property
    def speaks(self) -> bool:
        """Whether something is to be heard, or will be."""
        return bool(self._waiting)

    def begin(self, played: Callable[[], Awaitable[None]]) -> None:
        """Begin an answer; `played` is called when all of it has been heard, or it was cut.

        Raises EventError when too many wait.
        """
        self.end()
        answer = _Answer(Converter(self._playback().sample_rate), played)
        try:
            self._send.send_nowait(answer)
        except anyio.WouldBlock:
            raise EventError(f"{ANSWERS} answers wait to be heard already") from None
        self._waiting.append(answer)
        self._writing = answer

    def add(self, chunk: AudioChunk) -> None:
        """Take more of the answer. Raises EventError for what is no sound, or too much of it."""
        answer = self._writing
        if answer is None:
            raise EventError("sound of an answer that has not begun")
        pcm = answer.converter.feed(chunk)
        answer.length += len(pcm)
        if answer.length > LONGEST * self._playback().sample_rate:
            self.end()
            raise EventError(f"an answer of more than {LONGEST:g} s: cut there")
        answer.pieces.append(pcm)
        answer.more.set()

    def end(self) -> None:
        """The answer is whole."""
        answer, self._writing = self._writing, None
        if answer is not None:
            answer.pieces.append(answer.converter.finish())
            answer.ended = True
            answer.more.set()

    def stop(self) -> None:
        """Fall silent within one block of the device: no more of anything."""
        for answer in self._waiting:
            answer.stopped = True
            answer.more.set()
        if self._playing is not None:
            self._playing[1].stop()

    async def run(self) -> None:
        """Play until cancelled."""
        with self._send, self._answers:
            async for answer in self._answers:
                track = self._playback().open(self._playback().sample_rate)
                self._playing = (answer, track)
                await _play(answer, track)
                self._playing = None
                self._waiting.remove(answer)
                await answer.played()


async def _play(answer: _Answer, track: ReplyTrack) -> None:
    place = 0
    while not answer.stopped:
        if place == len(answer.pieces):
            if answer.ended:
                await track.drain()
                return
            answer.more = anyio.Event()
            await answer.more.wait()
            continue
        pcm, answer.pieces[place] = answer.pieces[place], np.zeros(0, np.float32)
        place += 1
        await track.write(pcm)
    track.stop()
