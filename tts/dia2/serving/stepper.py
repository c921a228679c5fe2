"""The stepper: all slots together make the network's pass, draw actions, wait or not, draw audio.

Everything on the device has fixed shapes and never depends on a value the host would have to look
at; the host looks twice a step, at the actions and at the finished column.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts.dia2.network.model import Model
from tts.dia2.network.sampling import Sampler
from tts.dia2.serving.prefix_cache import PrefixCache, block_size, name_of
from tts.dia2.serving.sequence import Sequence, Status
from tts.protocol import TextToSpeechError


class Stepper:
    """Steps the sequences in a model's slots."""

    def __init__(self, model: Model, sampler: Sampler | None = None) -> None:
        self.model = model
        self.sequences: list[Sequence | None] = [None] * model.slots
        self.prefix_cache = PrefixCache(model.config.max_steps)
        self._block_names = [b""] * model.slots  # the name of each slot's last block
        self._block = block_size(model.device)
        self.sampler = sampler or model.new_sampler()
        self.spoke = 0
        """How many slots the last step was for, if all had audio made and it did nothing else."""
        width = model.config.decoder.width
        self.hidden = torch.zeros(
            (model.slots, model.branches, width), device=model.device, dtype=model.dtype
        )

    @property
    def free(self) -> bool:
        """Whether there is a slot for one more sequence."""
        return None in self.sequences

    def admit(self, sequence: Sequence) -> int:
        """Put a sequence that has not begun to speak in a free slot, and say which.

        Raises TextToSpeechError if every slot is taken, or guidance needs a second branch.
        """
        if sequence.sampling.scale != 1 and self.model.branches == 1:
            raise TextToSpeechError("this model was loaded without guidance: the scale must be 1")
        if not self.free:
            raise TextToSpeechError(f"all {len(self.sequences)} slots are speaking")
        slot = self.sequences.index(None)
        self.model.cache.truncate(slot)
        self._block_names[slot] = b""
        sequence.rewind()
        self.sampler.assign(slot, sequence.sampling, sequence.uniforms)
        self.sequences[slot] = sequence
        return slot

    def release(self, slot: int) -> None:
        """Free a slot, whatever its sequence is doing."""
        self.sequences[slot] = None
        self.model.cache.truncate(slot)

    @torch.inference_mode()
    def step(self) -> bool:
        """Do what can be done in every slot, at most one step; False if that is nothing.

        A prefix is fed block by block, so that it holds up the other slots for one block a step.
        Those that are held are fed theirs only where nothing else can be done.
        """
        moved = self._prefill(held=False)
        active = [each is not None and each.status is Status.RUNNING for each in self.sequences]
        audio = self._needs_audio(active)
        going = self._advance(active)
        self.spoke = sum(active) if audio and active == going and not moved else 0
        return moved or any(active) or any(going) or self._prefill(held=True)

    def _chosen(self, slots: list[bool]) -> Iterator[tuple[int, Sequence]]:
        """The sequences in the chosen slots, each with its slot."""
        for slot, (sequence, chosen) in enumerate(zip(self.sequences, slots, strict=True)):
            if sequence is not None and chosen:
                yield slot, sequence

    def _advance(self, active: list[bool]) -> list[bool]:
        """Step the active slots; give which slots have ended a step: also those that starved."""
        if any(active):
            self._run_backbone(active)
        going = [each is not None and each.decide() for each in self.sequences]
        if any(going):
            self._run_depth(going)
        return going

    def _prefill(self, *, held: bool) -> bool:
        """Feed the prefixes as far as their text is certain, one block of each."""
        due = [
            each is not None and each.status is Status.PREFILL and each.held == held
            for each in self.sequences
        ]
        moved = [self._prefill_slot(slot, sequence) for slot, sequence in self._chosen(due)]
        return any(moved)

    def _prefill_slot(self, slot: int, sequence: Sequence) -> bool:
        """Restore the next blocks of a prefix as far as they are known, and compute one more."""
        restored = False
        while len(columns := sequence.prefill(self._block)):
            columns = columns[:, : self.model.branches]
            first = sequence.prefilled - len(columns)
            self._block_names[slot] = name_of(self._block_names[slot], columns)
            known = self.prefix_cache.find(self._block_names[slot])
            if known is None:
                positions = torch.arange(first, sequence.prefilled, device=self.model.device)
                self.model.prefill(slot, self._tensor(columns), positions)
                if sequence.prefilled <= sequence.common:
                    self.prefix_cache.keep(
                        self._block_names[slot], self.model.cache.save(slot, first)
                    )
                return True
            self.model.cache.restore(slot, known)
            restored = True
        return restored

    def _run_backbone(self, active: list[bool]) -> None:
        """Make the backbone's pass for the active slots, and draw the action of each."""
        model = self.model
        channels = 2 + model.config.codebooks
        columns = np.zeros((model.slots, model.branches, channels), np.int64)
        positions = np.zeros(model.slots, np.int64)
        for slot, sequence in self._chosen(active):
            columns[slot] = sequence.column(sequence.step)[: model.branches]
            positions[slot] = sequence.step
        hidden = model.step(self._tensor(columns), self._tensor(positions), active)
        fresh = torch.tensor(active, device=model.device)[:, None, None]
        self.hidden = torch.where(fresh, hidden, self.hidden)  # one that starves keeps its own
        drawn = model.action(self.hidden, self.sampler, self._steps()).tolist()
        for slot, sequence in self._chosen(active):
            sequence.action = drawn[slot]

    def _run_depth(self, going: list[bool]) -> None:
        """Draw the audio column of the slots whose text is decided."""
        if self._needs_audio(going):
            columns = self._columns(going).astype(np.int32)
        else:
            columns = np.zeros((len(going), self.model.config.codebooks), np.int32)
        for slot, sequence in self._chosen(going):
            sequence.write(columns[slot])

    def _needs_audio(self, going: list[bool]) -> bool:
        """Whether anything will read what the depformer would draw for these slots."""
        return any(sequence.needs_audio for _, sequence in self._chosen(going))

    def _columns(self, going: list[bool]) -> NDArray[np.int64]:
        """Audio tokens [slots, codebooks]."""
        texts = np.zeros((len(going), 2), np.int64)
        for slot, sequence in self._chosen(going):
            texts[slot] = sequence.text
        drawn = self.model.column(self.hidden, self._tensor(texts), self.sampler, self._steps())
        columns: NDArray[np.int64] = drawn.cpu().numpy()
        return columns

    def _steps(self) -> Tensor:
        """Each slot's steps since its start, which number its draws."""
        steps = [each.step - each.start if each else 0 for each in self.sequences]
        return self._tensor(np.array(steps))

    def _tensor(self, array: np.ndarray[tuple[int, ...], np.dtype[np.integer]]) -> Tensor:
        return torch.from_numpy(array.astype(np.int64)).to(self.model.device)
