"""A take: what a slot of the network generates for one text, and how far it is. No tensors."""

import numpy as np
from numpy.typing import NDArray

from tts.dia.network.config import DiaConfig
from tts.dia.network.delays import FREE, Codes, delay, undelay
from tts.dia.network.sampling import Sampling
from tts.protocol import TextToSpeechError


class Take:
    """Generates the codes of one text, from the first step to the last.

    Rows are positions of the delayed grid. Those that codes of the prompt have a part in, and those
    in which a codebook has yet to begin, are forced: what is drawn there is drawn for nothing.
    """

    def __init__(
        self,
        config: DiaConfig,
        text: bytes,
        *,
        prompt: Codes | None = None,
        sampling: Sampling | None = None,
        seed: int = 0,
        longest: int | None = None,
    ) -> None:
        """`text` is as `tts.dia.text` makes it, that of the prompt in front.

        `prompt` [frames, codebooks] are the codes of a voice. `longest` is how many frames it may
        take: then it is ended. Raises TextToSpeechError: a text or prompt that is too long.
        """
        self.config, self.text, self.seed = config, text, seed
        self.sampling = sampling or Sampling()
        known = np.zeros((0, config.codebooks), np.int32) if prompt is None else prompt
        self.prompt = len(known)
        """Frames."""
        room = config.max_steps - config.max_delay - 1 - self.prompt
        self._check(room, longest)
        self.longest = room if longest is None else min(longest, room)
        self._forced = self.lay_out(known)
        rows = 1 + self.prompt + self.longest + config.max_delay + 1
        self.grid = np.full((max(rows, len(self._forced)), config.codebooks), config.pad, np.int32)
        self.grid[: len(self._forced)] = self._forced
        self.step = 0
        """Columns drawn; the next is that of row 1 + prompt + step."""
        self.end: int | None = None
        """The row in which the first codebook ends, once that is known."""
        self._given = 0  # frames

    def lay_out(self, known: Codes) -> Codes:
        """The rows that are forced, at least in part."""
        return delay(known, self.config.delays, self.config.bos)

    @property
    def row(self) -> int:
        """The one that is fed next: all rows up to it are known."""
        return self.prompt + self.step

    @property
    def frames_known(self) -> int:
        """How many frames are complete, of those after the prompt."""
        complete = max(0, self.row - self.config.max_delay - self.prompt)
        return complete if self.end is None else min(complete, self.end - 1 - self.prompt)

    @property
    def finished(self) -> bool:
        """Whether all frames are known: a step before the last codebook has ended."""
        return self.end is not None and self.frames_known == self.end - 1 - self.prompt

    @property
    def cut(self) -> bool:
        """Whether it was ended because it was too long."""
        return self.end is not None and self.end == self._last

    def write(self, drawn: NDArray[np.int32]) -> None:
        """Take a drawn column [codebooks], and put what is forced in its place."""
        config, row = self.config, self.row + 1
        column = drawn.copy()
        if self.end is None and (column[0] == config.eos or row == self._last):
            self.end = row
        if self.end is not None:
            ends = self.end + np.asarray(config.delays)
            column[row == ends] = config.eos
            column[row > ends] = config.pad
        if row < len(self._forced):
            forced = self._forced[row]
            column = np.where(forced == FREE, column, forced)
        self.grid[row] = column
        self.step += 1

    def frames(self) -> Codes:
        """The frames [n, codebooks] that have been completed since the last call."""
        first, self._given = self._given, self.frames_known
        return undelay(
            self.grid, self.config.delays, self.prompt + first, self.prompt + self._given
        )

    @property
    def codes(self) -> Codes:
        """All frames that are complete, [frames, codebooks]."""
        end = self.prompt + self.frames_known
        return undelay(self.grid, self.config.delays, self.prompt, end)

    @property
    def _last(self) -> int:
        """The row in which it is ended."""
        return 1 + self.prompt + self.longest

    def _check(self, room: int, longest: int | None) -> None:
        config = self.config
        if not self.text:
            raise TextToSpeechError("nothing to say: the text is empty")
        if len(self.text) > config.max_text:
            raise TextToSpeechError(
                f"a text of {len(self.text)} bytes is too long for Dia at once, it takes "
                f"{config.max_text}: split it"
            )
        if room < 1:
            raise TextToSpeechError(
                f"a voice of {self.prompt} frames leaves no room to speak: use 5 to 10 seconds"
            )
        if longest is not None and longest < 1:
            raise TextToSpeechError("the longest take must have at least one frame")
