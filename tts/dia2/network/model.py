"""Dia2's network with its memory: a fixed number of slots stepped together."""

from pathlib import Path

import torch
from torch import Tensor, nn

from tts.dia2.network.backbone import Backbone
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.depformer import Depformer, Frame
from tts.dia2.network.kv_cache import Cache, Chunk, FixedStep, Memory, Step, doubling
from tts.dia2.network.layers import Rotary
from tts.dia2.network.sampling import ACTION, FIRST_CODEBOOK, Sampler
from tts.dia2.network.weights import load_weights

CHUNK = 256  # positions per pass of a prefill
SHORTEST = 256  # entries of the cache that the smallest graph looks at


class Network(nn.Module):
    """The tensors of `model.safetensors`, by their names."""

    def __init__(self, config: Dia2Config, dtype: torch.dtype) -> None:
        super().__init__()
        self.transformer = Backbone(config, dtype)
        self.depformer = Depformer(config, dtype)


class Model:
    """The network on a device, and a cache for `slots` utterances of `branches` branches each.

    Branch 0 is conditioned on the text; branch 1, which classifier-free guidance needs, is not.
    With `branches` = 1 there is no guidance. All shapes are fixed by these numbers: a slot that has
    nothing to do is stepped along and its numbers are dropped.
    """

    sampler_type: type[Sampler] = Sampler

    def __init__(
        self,
        config: Dia2Config,
        weights: "Path | Network",
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        slots: int = 1,
        branches: int = 2,
    ) -> None:
        """Load the weights, or take a network that has them. Raises TextToSpeechError."""
        self.config, self.dtype = config, dtype
        self.slots, self.branches = slots, branches
        self.device = torch.device(device)
        if isinstance(weights, Network):
            network = weights
        else:
            with torch.device("meta"):
                network = Network(config, dtype)
            load_weights(network, weights, self.device)
        self.backbone, self.depformer = network.transformer, network.depformer
        self.cache = Cache(config, slots, branches, self.device, dtype)
        self.rotary = Rotary(config, config.decoder.head_dim, self.device)
        depth = Rotary(config, config.depformer.head_dim, self.device)
        self.depth_rotary = depth if config.depformer_rope else None

    def new_sampler(self, kind: type[Sampler] | None = None) -> Sampler:
        """A sampler for the model's slots, of a kind or of that which is fastest here."""
        config, forbidden = self.config, (self.config.audio_pad, self.config.audio_bos)
        sizes = (self.slots, config.max_steps, config.codebooks)
        return (kind or self.sampler_type)(*sizes, forbidden, self.device)

    def step(self, tokens: Tensor, positions: Tensor, active: list[bool]) -> Tensor:
        """One column [slots, branches, channels] at positions [slots] for the active slots.

        Gives the normed hidden states [slots, branches, width]; those of other slots mean nothing.
        """
        memory = self._step(active)
        hidden = self.hear(tokens, positions[:, None], memory)
        memory.commit()
        return hidden

    def prefill(self, slot: int, tokens: Tensor, positions: Tensor) -> Tensor:
        """Many known columns [time, branches, channels] at positions [time] for one slot.

        The same as so many steps, in a few passes. Gives hidden states [time, branches, width].
        """
        parts = []
        for start in range(0, len(tokens), CHUNK):
            columns, places = tokens[start : start + CHUNK], positions[start : start + CHUNK]
            memory = Chunk(self.cache, slot, len(columns))
            parts.append(self.hear(columns.transpose(0, 1), places, memory))
            memory.commit()
        return torch.cat(parts, dim=1).transpose(0, 1)

    def _step(self, active: list[bool]) -> Step:
        return Step(self.cache, active)

    @property
    def spans(self) -> list[int]:
        """How many entries of the cache a `fixed_step` may look at: those worth a graph each."""
        return doubling(SHORTEST, self.cache.entries)

    def fixed_step(self, active: Tensor, span: int) -> FixedStep:
        """The memory of a step of the first slots, for a graph: `active` [slots] move on."""
        return FixedStep(self.cache, active, span)

    def hear(self, tokens: Tensor, positions: Tensor, memory: Memory) -> Tensor:
        """Columns [..., channels] at positions [...] to normed hidden states [..., width]."""
        hidden: Tensor = self.backbone(tokens, positions, self.rotary, memory)
        return hidden

    def actions(self, hidden: Tensor) -> Tensor:
        """Logits [..., 2] of what the text does: 0 pad, 1 new word."""
        logits: Tensor = self.backbone.action_head(hidden)
        return logits

    def first_codebook(self, hidden: Tensor) -> Tensor:
        """Logits [..., audio_vocab] of the frame's first codebook."""
        logits: Tensor = self.backbone.cb0_head(hidden)
        return logits

    def action(self, hidden: Tensor, sampler: Sampler, steps: Tensor) -> Tensor:
        """What each slot's text is to do [slots], drawn; arguments as for `column`."""
        return sampler.sample(self.actions(hidden), ACTION, steps)

    def column(self, hidden: Tensor, text: Tensor, sampler: Sampler, steps: Tensor) -> Tensor:
        """A frame's audio tokens [slots, codebooks], drawn codebook by codebook.

        `hidden` [slots, branches, width] from `step`, `text` [slots, 2] the step's text (main,
        second), `steps` [slots] of each utterance, which number its draws.
        """
        token = sampler.sample(self.first_codebook(hidden), FIRST_CODEBOOK, steps)
        tokens = [token]
        frame = self.new_frame(len(hidden))
        for stage in range(self.config.codebooks - 1):
            logits = self.next_codebook(stage, hidden, token, text, frame)
            token = sampler.sample(logits, FIRST_CODEBOOK + 1 + stage, steps)
            tokens.append(token)
        return torch.stack(tokens, dim=1)

    def new_frame(self, slots: int | None = None) -> Frame:
        """The depformer's memory for one frame of every slot, or of the first `slots`."""
        rows = (slots or self.slots) * self.branches
        return Frame(self.config, rows, self.depth_rotary, self.device, self.dtype)

    def next_codebook(
        self, stage: int, hidden: Tensor, previous: Tensor, text: Tensor, frame: Frame
    ) -> Tensor:
        """Logits [slots, branches, audio_limit] of codebook `stage` + 1.

        `previous` [slots] is the token just chosen, `text` [slots, 2] the step's text (main,
        second); both branches get the same.
        """
        logits: Tensor = self.depformer(
            stage,
            hidden.flatten(0, 1),
            previous.repeat_interleave(self.branches),
            text.repeat_interleave(self.branches, 0).T,
            frame,
        )
        return logits.view(*hidden.shape[:2], -1)
