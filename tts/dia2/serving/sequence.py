"""A sequence: what a slot of the network generates, and how far it is. No tensors but its draws.

A step has two halves. The first, the network's pass and the drawn action, never depends on text
that is still to come. The second may: if the action takes a word whose successors have not
arrived, the sequence starves there and keeps the draw.
"""

import copy
from enum import Enum, auto
from typing import Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tts.dia2.network import delays
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.delays import Codes
from tts.dia2.network.sampling import Sampling
from tts.dia2.text.prefix import PrefixPlan, prefill_text
from tts.dia2.text.state_machine import StateMachine
from tts.protocol import TextToSpeechError

FLUSH = 6  # steps after the last codebook of the step at which the text ended


class Status(Enum):
    """What a sequence is to do next."""

    PREFILL = auto()
    """Feed the network its prefix; the end of that waits for the text's first words."""
    RUNNING = auto()
    """Step."""
    STARVED = auto()
    """Turn the drawn action into text; that may have to wait for more of it."""
    HELD = auto()
    """Nothing: whoever listens is behind, or only the prefix is wanted."""
    FINISHED = auto()
    """Nothing: the text has ended and its audio is complete, or the window is full."""


class Sequence:
    """Generates one utterance in a slot, from its first step to its last.

    The delayed tail of a prefix's codes is kept, and what nothing will read is not computed. The
    published runtime does otherwise: `bench.dia2_verify.published`.
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
    ) -> None:
        """`bos` is the tokenizer's; `uniforms` are the draws, from `random_numbers`.

        `prefix` and its `codes` [codebooks, prefix.frames] are what is fed before the first step;
        with `keep_prefix` that comes out too. Raises TextToSpeechError if it fills the window.
        """
        self.config = config
        self.sampling = sampling or Sampling()
        self.uniforms = uniforms
        self.keep_prefix = keep_prefix
        self.prefix = prefix
        self.machine = StateMachine(config.new_word, config.pad, config.ahead, initial_padding)
        self.text = (bos, config.pad)
        self.action: int | None = None
        """Drawn, and not yet turned into text."""
        self.prefilled = 0
        """Steps of the prefix that the network has been fed."""
        self.held = False
        """The network is not to speak: whoever listens is behind, or only the prefix is wanted."""
        self.prefill_steps = prefix.frames if prefix else 0
        if self.prefill_steps >= config.max_steps:
            raise TextToSpeechError(
                f"a voice of {self.prefill_steps} frames leaves no room in {config.max_steps} steps"
            )
        self.start = self._first_step()
        self.step = self.start
        self.cut_off: int | None = None
        self._initial_padding = initial_padding
        self._first_word: int | None = self.start if config.ahead else None
        self._pausing = False
        self._frames_out = 0  # frames that have left, counted before the crop
        self._words_out = 0  # words that have left
        # Cells before this column are never asked for: silence, or the prefix's own tail.
        self._needed_from = np.asarray(config.delays) + self.prefill_steps
        columns = config.max_steps + config.max_delay + 1
        self._grid = np.full((config.codebooks, columns), delays.UNWRITTEN, np.int32)
        self._columns: list[NDArray[np.int32]] = []  # of the prefix, as far as they are known
        self.common = 0
        """Steps of the prefix that are the same whatever the text."""
        if prefix and codes is not None:
            self.machine.add(prefix.entries)
            self.common = len(prefill_text(copy.copy(self.machine), prefix))
            delayed = delays.delay(codes, config.delays, config.audio_pad)[:, :columns]
            self._grid[:, : delayed.shape[1]] = delayed

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other.machine = copy.copy(self.machine)
        other._grid = self._grid.copy()
        other._columns = self._columns.copy()
        return other

    def _first_step(self) -> int:
        return self.prefill_steps

    @property
    def status(self) -> Status:
        """What is to be done next."""
        if self.prefilled < self.prefill_steps:
            return Status.PREFILL
        if self.finished:
            return Status.FINISHED
        if self.action is not None:
            return Status.STARVED
        return Status.HELD if self.held else Status.RUNNING

    @property
    def decidable(self) -> bool:
        """Whether the text that a drawn action needs is there."""
        return self.action is not None and self.machine.ready(self._raw, forced=self._pausing)

    @property
    def finished(self) -> bool:
        """Whether the text has ended and its audio is complete, or the window is full."""
        over = self.cut_off is not None and self.step >= self.cut_off
        return over or self.step >= self.config.max_steps

    def column(self, step: int) -> NDArray[np.int32]:
        """Give what the network is fed at a step: [branches, 2 + codebooks]."""
        config = self.config
        audio = delays.column(self._grid, step, config.delays, config.audio_bos)
        texts = (self.text, (config.zero, config.pad))
        return np.stack([np.concatenate((text, audio)) for text in texts])

    def prefill(self, most: int) -> NDArray[np.int32]:
        """Give the prefix's next columns [columns, branches, channels]; none if they wait for text.

        They come in two parts however the text arrives, each in blocks of `most`, so that a column
        is always computed, and rounded, in the same way: first all that no script can change, then
        the rest at once.
        """
        if self.prefix and len(self._columns) < self.prefill_steps:
            step = len(self._columns)
            for at, text in enumerate(prefill_text(self.machine, self.prefix, step), step):
                self._columns.append(self.column(at))
                self.text = text
        part = self.common if self.prefilled < self.common else self.prefill_steps
        if len(self._columns) < part or self.prefilled == self.prefill_steps:
            return np.empty((0, 2, 2 + self.config.codebooks), np.int32)
        first, self.prefilled = self.prefilled, min(self.prefilled + most, part)
        return np.stack(self._columns[first : self.prefilled])

    def rewind(self) -> None:
        """Have the prefix fed again, from its first step: the sequence is in a new slot."""
        self.prefilled = 0

    def pause(self) -> None:
        """Stop waiting: this step goes on without a word, which the offline run would not do."""
        self._pausing = self.action is not None

    def decide(self) -> bool:
        """Turn the drawn action into text, if that can be done without text still to come."""
        if not self.decidable:
            return False
        shown = self.machine.process(self.step, self._raw, forced=self._pausing)
        self.action, self._pausing = None, False
        self.text = (shown.main, shown.second)
        if self._first_word is None and shown.main == self.config.new_word:
            self._first_word = max(0, self.step - self._initial_padding)
        return True

    @property
    def _raw(self) -> int:
        assert self.action is not None
        return self.config.pad if self._pausing else self.action

    @property
    def needs_audio(self) -> bool:
        """Whether anything will read the column this step writes."""
        return bool((self.step + 1 >= self._needed_from).any())

    def write(self, tokens: NDArray[np.int32]) -> None:
        """End the step with its audio tokens [codebooks], any where none are needed."""
        column = self.step + 1
        keep = column >= self._needed_from
        self._grid[keep, column] = tokens[keep]
        ended = self.machine.end_step
        if self.cut_off is None and ended is not None:
            self.cut_off = ended + self.config.max_delay + FLUSH
        self.step += 1

    @property
    def grid(self) -> Codes:
        """The delayed grid so far, [codebooks, columns]; cells nothing wrote are audio pads."""
        written = self._grid[:, : self.step + 1]
        return np.where(written == delays.UNWRITTEN, self.config.audio_pad, written)

    @property
    def aligned(self) -> Codes:
        """The frames of the grid whose last codebook exists, [codebooks, frames]."""
        return delays.undelay(self.grid, self.config.delays)

    @property
    def complete(self) -> int:
        """Frames whose last codebook exists, counted before the crop."""
        return max(0, self.step + 1 - self.config.max_delay)

    @property
    def crop(self) -> int | None:
        """Frames that are cropped from the beginning; None while that is not known."""
        if self.keep_prefix:
            return 0
        first = self._first_word
        if first is None and self.finished:
            return self.start
        return first

    def frames(self) -> Codes:
        """Give the audio frames that became certain since the last call, [codebooks, frames]."""
        crop = self.crop
        first = self.complete if crop is None else max(self._frames_out, crop)
        frames = delays.undelay(self._grid[:, : self.step + 1], self.config.delays, first)
        frames[frames == delays.UNWRITTEN] = self.config.audio_pad
        if crop is not None:
            self._frames_out = max(self._frames_out, self.complete)
        return frames

    def words(self) -> list[tuple[str, int]]:
        """Give the words taken since the last call, each with its frame of those that come out."""
        crop = self.crop
        if crop is None:
            return []
        entries = self.prefix.entries if self.prefix and not self.keep_prefix else ()
        first, self._words_out = max(self._words_out, len(entries)), len(self.machine.transcript)
        words = self.machine.transcript[first:]
        return [(text, step - crop) for text, step in words if step >= crop]
