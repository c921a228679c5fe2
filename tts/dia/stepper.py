"""The stepper: the takes in a model's slots make their steps together.

Whatever can be known before a text's first step is fed in pieces, one a step, so that it does not
hold up the other slots for long.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts.dia.network.model import CHUNK, Model
from tts.dia.network.sampling import Sampler
from tts.dia.take import Take
from tts.protocol import TextToSpeechError
from tts.transformer.draws import uniforms


class Stepper:
    """Steps the takes in a model's slots."""

    def __init__(self, model: Model, sampler: Sampler | None = None) -> None:
        self.model = model
        self.takes: list[Take | None] = [None] * model.slots
        self.sampler = sampler or Sampler(model.config, model.slots, model.device)
        self.spoke = 0
        """How many slots the last step was for, if it did nothing else."""

    @property
    def free(self) -> bool:
        """Whether there is a slot for one more take."""
        return None in self.takes

    def admit(self, take: Take) -> int:
        """Put a take that has not begun in a free slot, and say which.

        Raises TextToSpeechError if every slot is taken, or guidance needs a second branch.
        """
        if take.sampling.scale != 1 and self.model.branches == 1:
            raise TextToSpeechError("this model was loaded without guidance: cfg must be 1")
        if not self.free:
            raise TextToSpeechError(f"all {len(self.takes)} slots are speaking")
        slot = self.takes.index(None)
        self.model.release(slot)
        self.sampler.assign(slot, take.sampling, self.draws(take))
        self.takes[slot] = take
        return slot

    def draws(self, take: Take) -> Tensor:
        """The random numbers of a take, [steps, codebooks]."""
        config = self.model.config
        steps = min(config.max_steps, take.longest + config.max_delay + 1)
        return uniforms(take.seed, steps, config.codebooks)

    def release(self, slot: int) -> None:
        """Free a slot, whatever its take is doing."""
        self.takes[slot] = None
        self.model.release(slot)

    @torch.inference_mode()
    def step(self) -> bool:
        """Do what can be done in every slot, at most one step; False if that is nothing."""
        prepared = [self._prepare(slot, take) for slot, take in self._open()]
        active = [take is not None and self._ready(slot) for slot, take in enumerate(self.takes)]
        if any(active):
            self._advance(active)
        self.spoke = sum(active) if not any(prepared) else 0
        return any(prepared) or any(active)

    def _open(self) -> Iterator[tuple[int, Take]]:
        """The takes that go on, each with its slot."""
        for slot, take in enumerate(self.takes):
            if take is not None and not take.finished:
                yield slot, take

    def _ready(self, slot: int) -> bool:
        """Whether all of a slot's rows but the last have been fed."""
        take = self.takes[slot]
        return (
            take is not None
            and not take.finished
            and self.model.heard[slot]
            and self.model.cache.filled[slot] == take.row
        )

    def _prepare(self, slot: int, take: Take) -> bool:
        """Encode a take's text, or feed a piece of its prompt; False if that has been done."""
        if not self.model.heard[slot]:
            self.model.hear(slot, take.text)
            return True
        start = self.model.cache.filled[slot]
        rows = take.grid[start : min(take.row, start + CHUNK)]
        if not len(rows):
            return False
        known = torch.from_numpy(rows.astype(np.int64)).to(self.model.device)
        self.model.prefill(slot, known, logits=False)
        return True

    def _advance(self, active: list[bool]) -> None:
        """Step the active slots."""
        drawn = self._draw(active)
        for slot, take in self._chosen(active):
            take.write(drawn[slot].astype(np.int32))

    def _draw(self, active: list[bool]) -> NDArray[np.int64]:
        """The next columns [slots, codebooks] of the active slots."""
        device = self.model.device
        logits = self.model.step(self._columns(active).to(device), active)
        drawn: NDArray[np.int64] = (
            self.sampler.sample(logits, self._steps().to(device)).cpu().numpy()
        )
        return drawn

    def _columns(self, active: list[bool]) -> Tensor:
        """What the active slots are fed, [slots, codebooks]."""
        columns = np.zeros((len(active), self.model.config.codebooks), np.int64)
        for slot, take in self._chosen(active):
            columns[slot] = take.grid[take.row]
        return torch.from_numpy(columns)

    def _chosen(self, slots: list[bool]) -> Iterator[tuple[int, Take]]:
        """The takes in the chosen slots, each with its slot."""
        for slot, (take, chosen) in enumerate(zip(self.takes, slots, strict=True)):
            if take is not None and chosen:
                yield slot, take

    def _steps(self) -> Tensor:
        """Each slot's steps since its start, which number its draws."""
        return torch.tensor([take.step if take else 0 for take in self.takes])
