"""A recorder of a conversation: a two-channel WAV, and the transcript."""

import math
from pathlib import Path
from typing import Self

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import Resampler
from agent.audio.wav import pcm16, wav_in_background
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    Audio,
    Event,
    Report,
    TurnCommitted,
    file_warnings,
    nobody,
)
from agent.guards.background import BackgroundFile
from agent.guards.control_characters import visible
from agent.guards.files import Tell, create_all, explained, keep_private
from agent.guards.secrets import redact

GAP = 0.05
"""Seconds by which a block may be early or late before it counts as a gap: devices jitter."""

PATIENCE = 2.0
"""Seconds that one side may be silent (an unplugged device) before the other is written alone."""


class Recorder:
    """User left, agent right, on one timeline; each side is placed by the times of its blocks.

    A recording that is there already stays as it is: the new one has a number in its names.
    """

    def __init__(self, folder: str | Path, sample_rate: int, report: Report = nobody) -> None:
        """Write `conversation.wav` at `sample_rate` Hz and `transcript.txt` into `folder`.

        `report` is told what happens to them. Raises ParleyError if they cannot be made.
        """
        self._rate = sample_rate
        folder, tell = Path(folder), file_warnings(report)
        wanted = [folder / "conversation.wav", folder / "transcript.txt"]
        with explained(folder):
            (wav, text), (sound, words) = create_all(*wanted)
            if [wav, text] != wanted:
                message = f"the recording in {folder} stays: this one is {wav.name}, {text.name}"
                tell("file.numbered", message, True)
            recordings = {*folder.glob("conversation*.wav"), *folder.glob("transcript*.txt")}
            keep_private(folder, recordings, tell)
        tell = _once(tell)
        self._wav = wav_in_background(wav, sound, tell, sample_rate, channels=2)
        self._transcript = BackgroundFile(text, words, tell)
        self._start = anyio.current_time()
        self._user = _Channel(self._start, sample_rate)
        self._agent = _Channel(self._start, sample_rate)

    def user(self, block: Audio) -> None:
        """Take in a block from the microphone."""
        self._add(block, self._user)

    def agent(self, block: Audio) -> None:
        """Take in a block that leaves the speaker, silence included."""
        self._add(block, self._agent)

    def event(self, event: Event) -> None:
        """A line of the transcript, if the event is one."""
        match event:
            case TurnCommitted(text=text):
                self._line("user", text)
            case AssistantDone(text=text):
                self._line("agent", text)
            case AssistantInterrupted(heard=heard):
                self._line("agent", f"{heard} [interrupted]".strip())

    def _add(self, block: Audio, channel: "_Channel") -> None:
        channel.add(block)
        self._transcript.tell_news()  # lines are rare
        self._write(max(self._user.length, self._agent.length) - round(PATIENCE * self._rate))

    def _line(self, who: str, text: str) -> None:
        minutes, seconds = divmod(anyio.current_time() - self._start, 60)
        line = f"[{minutes:02.0f}:{seconds:04.1f}] {who}: {visible(redact(text))}"
        self._transcript.write_line(line)

    def _write(self, at_least: int) -> None:
        """Write what both sides have, and the longer one alone up to `at_least`."""
        length = max(min(self._user.length, self._agent.length), at_least)
        user, agent = self._user.take(length), self._agent.take(length)
        if len(user):
            self._wav.write(pcm16(np.column_stack((user, agent))))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._user.flush()
        self._agent.flush()
        self._write(max(self._user.length, self._agent.length))
        self._transcript.close()
        self._wav.close()


def _once(tell: Tell) -> Tell:
    """Tell what happens to both files, which are on one disk, as if they were one."""
    last = ""

    def tell_once(code: str, message: str, recovered: bool) -> None:
        nonlocal last
        if code != last:
            last = code
            tell(code, message, recovered)

    return tell_once


class _Channel:
    """One side: blocks in, samples on the recording's timeline out."""

    def __init__(self, start: float, sample_rate: int) -> None:
        self._start = start
        self._rate = sample_rate
        self._resampler: Resampler | None = None
        self._end = start  # where the next block belongs if nothing is missing
        self._pcm = np.zeros(0, np.float32)  # known and not yet taken
        self._taken = 0

    @property
    def length(self) -> int:
        """Samples of the timeline that are known."""
        return self._taken + len(self._pcm)

    def add(self, block: Audio) -> None:
        """Place a block by its time; a gap before it is silence."""
        begin = anyio.current_time() - block.duration if block.time is None else block.time
        if self._resampler is None or abs(begin - self._end) > GAP:
            self.flush()
            missing = math.floor((begin - self._start) * self._rate) - self.length
            self._pcm = np.pad(self._pcm, (0, max(0, missing)))
            self._resampler = Resampler(block.sample_rate, self._rate, "high")
            self._end = begin
        self._end += block.duration
        self._pcm = np.append(self._pcm, self._resampler.process(block.pcm))

    def flush(self) -> None:
        """Nothing follows the last block directly: let go of what the resampler holds back."""
        if self._resampler is not None:
            self._pcm = np.append(self._pcm, self._resampler.flush())

    def take(self, length: int) -> NDArray[np.float32]:
        """Everything up to `length` on the timeline that has not been taken; zeros at the end."""
        count = max(0, length - self._taken)
        part, self._pcm = self._pcm[:count], self._pcm[count:]
        self._taken += count
        return np.pad(part, (0, count - len(part)))
