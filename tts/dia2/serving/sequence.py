"""One utterance in one slot: its text, its grid, and what of both is certain. No tensors but draws.

A step has two halves. The first, the network's pass and the drawn action, never depends on text
that is still to come. The second may: if the action takes a word whose successors have not
arrived, the take waits there and keeps the draw.
"""

import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tts.dia2.network import delays as grid
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.delays import Codes
from tts.dia2.network.sampling import Sampling
from tts.dia2.text.prefix import PrefixPlan, warm_up
from tts.dia2.text.state_machine import StateMachine
from tts.protocol import TextToSpeechError

FLUSH = 6  # steps after the last codebook of the step at which the text ended


class Take:
    """An utterance from its first step to its last.

    `reference` repeats the published runtime to the last cell of the grid: after a prefix position
    P - 1 is decoded twice and the delayed tail of its codes is invented again. By default the tail
    is kept, and what nothing will read is not computed; without a prefix the audio is the same.
    """

    def __init__(
        self,
        config: Dia2Config,
        *,
        bos: int,
        uniforms: Tensor,
        sampling: Sampling | None = None,
        initial_padding: int = 2,
        prefix: PrefixPlan | None = None,
        codes: Codes | None = None,
        keep_prefix: bool = False,
        reference: bool = False,
    ) -> None:
        """`bos` is the tokenizer's; `uniforms` are the draws, from `random_numbers`.

        `prefix` and its `codes` [codebooks, prefix.frames] are what is heard before the first step;
        with `keep_prefix` that comes out too. Raises TextToSpeechError if it fills the window.
        """
        self.config = config
        self.sampling = sampling or Sampling()
        self.uniforms = uniforms
        self.keep_prefix = keep_prefix
        self.reference = reference
        self.prefix = prefix
        self.machine = StateMachine(config.new_word, config.pad, config.ahead, initial_padding)
        self.text = (bos, config.pad)
        self.raw: int | None = None
        self.warmed = 0
        """Steps of the prefix that the network has heard."""
        self.held = False
        """The network is not to speak: whoever listens is behind, or it only hears the prefix."""
        self.warm_steps = prefix.frames if prefix else 0
        if self.warm_steps >= config.max_steps:
            raise TextToSpeechError(
                f"a voice of {self.warm_steps} frames leaves no room in {config.max_steps} steps"
            )
        self.start = self._start()
        self.step = self.start
        self.cut_off: int | None = None
        self._initial_padding = initial_padding
        self._first_word: int | None = self.start if config.ahead else None
        self._pausing = False
        self._taken = 0  # frames that have left, counted before the crop
        self._told = 0  # words that have left
        # Cells before this column are never asked for: silence, or the prefix's own tail.
        known = 0 if reference else self.warm_steps
        self._needed_from = np.asarray(config.delays) + known
        columns = config.max_steps + config.max_delay + 1
        self._grid = np.full((config.codebooks, columns), grid.UNWRITTEN, np.int32)
        self._columns: list[NDArray[np.int32]] = []  # of the prefix, as far as they are known
        self.common = 0
        """Steps of the prefix that are the same whatever the text."""
        if prefix and codes is not None:
            self.machine.add(prefix.entries)
            self.common = len(warm_up(copy.copy(self.machine), prefix))
            delayed = grid.delay(codes, config.delays, config.audio_pad)[:, :columns]
            self._grid[:, : delayed.shape[1]] = delayed

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other.machine = copy.copy(self.machine)
        other._grid = self._grid.copy()
        other._columns = self._columns.copy()
        return other

    def _start(self) -> int:
        if not self.warm_steps:
            return 0
        return self.warm_steps - 1 if self.reference else self.warm_steps

    @property
    def warming(self) -> bool:
        """The prefix is not yet in the cache: the end of it waits for the first words."""
        return self.warmed < self.warm_steps

    @property
    def waiting(self) -> bool:
        """A drawn action needs text that has not arrived."""
        return self.raw is not None

    @property
    def decidable(self) -> bool:
        """The text that a drawn action needs is there."""
        return self.raw is not None and self.machine.ready(self._action, forced=self._pausing)

    @property
    def finished(self) -> bool:
        """The text has ended and its audio is complete, or the window is full."""
        over = self.cut_off is not None and self.step >= self.cut_off
        return over or self.step >= self.config.max_steps

    @property
    def runs(self) -> bool:
        """The network's next pass can be made."""
        return not (self.held or self.warming or self.waiting or self.finished)

    def column(self, step: int) -> NDArray[np.int32]:
        """What the network is fed at a step: [branches, 2 + codebooks]."""
        config = self.config
        audio = grid.column(self._grid, step, config.delays, config.audio_bos)
        texts = (self.text, (config.zero, config.pad))
        return np.stack([np.concatenate((text, audio)) for text in texts])

    def warm_up(self, most: int) -> NDArray[np.int32]:
        """The prefix's next columns [columns, branches, channels]; none if they must wait for text.

        They come in two parts however the text arrives, each in blocks of `most`, so that a column
        is always computed, and rounded, in the same way: first all that no script can change, then
        the rest at once.
        """
        if self.prefix and len(self._columns) < self.warm_steps:
            step = len(self._columns)
            for at, text in enumerate(warm_up(self.machine, self.prefix, step), step):
                self._columns.append(self.column(at))
                self.text = text
        part = self.common if self.warmed < self.common else self.warm_steps
        if len(self._columns) < part or not self.warming:
            return np.empty((0, 2, 2 + self.config.codebooks), np.int32)
        first, self.warmed = self.warmed, min(self.warmed + most, part)
        return np.stack(self._columns[first : self.warmed])

    def rewind(self) -> None:
        """The network hears the prefix again, from its first step."""
        self.warmed = 0

    def pause(self) -> None:
        """Stop waiting: this step goes on without a word, which the offline run would not do."""
        self._pausing = self.waiting

    def decide(self) -> bool:
        """Turn the drawn action into text, if that can be done without text still to come."""
        if not self.decidable:
            return False
        shown = self.machine.process(self.step, self._action, forced=self._pausing)
        self.raw, self._pausing = None, False
        self.text = (shown.main, shown.second)
        if self._first_word is None and shown.main == self.config.new_word:
            self._first_word = max(0, self.step - self._initial_padding)
        return True

    @property
    def _action(self) -> int:
        assert self.raw is not None
        return self.config.pad if self._pausing else self.raw

    @property
    def needs_audio(self) -> bool:
        """Whether anything will read the column this step writes."""
        return self.reference or bool((self.step + 1 >= self._needed_from).any())

    def write(self, tokens: NDArray[np.int32]) -> None:
        """The step's audio tokens [codebooks], any where none are needed: the step is over."""
        column = self.step + 1
        keep = self.reference | (column >= self._needed_from)
        self._grid[keep, column] = tokens[keep]
        ended = self.machine.end_step
        if self.cut_off is None and ended is not None:
            self.cut_off = ended + self.config.max_delay + FLUSH
        self.step += 1

    @property
    def grid(self) -> Codes:
        """The delayed grid so far, [codebooks, columns]; cells nothing wrote are audio pads."""
        written = self._grid[:, : self.step + 1]
        return np.where(written == grid.UNWRITTEN, self.config.audio_pad, written)

    @property
    def aligned(self) -> Codes:
        """The frames of the grid whose last codebook exists, [codebooks, frames]."""
        return grid.undelay(self.grid, self.config.delays)

    @property
    def complete(self) -> int:
        """Frames whose last codebook exists, counted before the crop."""
        return max(0, self.step + 1 - self.config.max_delay)

    @property
    def crop(self) -> int | None:
        """Frames that do not come out; None while that is not known."""
        if self.keep_prefix:
            return 0
        first = self._first_word
        if self.finished:
            first = self.start if first is None else first
            if self.reference and first >= self.complete:
                return 0  # nothing would be left
        return first

    def frames(self) -> Codes:
        """The audio frames that became certain since the last call, [codebooks, frames]."""
        crop = self.crop
        first = self.complete if crop is None else max(self._taken, crop)
        frames = grid.undelay(self._grid[:, : self.step + 1], self.config.delays, first)
        frames[frames == grid.UNWRITTEN] = self.config.audio_pad
        if crop is not None:
            self._taken = max(self._taken, self.complete)
        return frames

    def words(self) -> list[tuple[str, int]]:
        """The words taken since the last call, each with its frame among those that come out."""
        crop = self.crop
        if crop is None:
            return []
        entries = self.prefix.entries if self.prefix and not self.keep_prefix else ()
        first, self._told = max(self._told, len(entries)), len(self.machine.transcript)
        words = self.machine.transcript[first:]
        return [(text, step - crop) for text, step in words if step >= crop]
