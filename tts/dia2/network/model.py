"""Dia2's model: a network and its key-value cache, for a fixed number of slots stepped together."""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor, nn

from tts.dia2.network.backbone import Backbone
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.depformer import Depformer, Frame
from tts.dia2.network.sampling import ACTION, FIRST_CODEBOOK, Sampler
from tts.transformer.kv_cache import Cache, CacheView, Chunk, FixedStep, doubling, new_step
from tts.transformer.layers import Rotary
from tts.transformer.shape import Transformer
from tts.transformer.weights import Weights, fill, open_weights

CHUNK = 256  # positions per pass of a prefill
SHORTEST = 256  # entries of the cache that the smallest graph looks at


class Network(nn.Module):
    """The tensors of `model.safetensors`, by their names (SPEC 2)."""

    def __init__(self, config: Dia2Config, dtype: torch.dtype) -> None:
        super().__init__()
        self.transformer = Backbone(config, dtype)
        self.depformer = Depformer(config, dtype)


def rotary(config: Dia2Config, shape: Transformer, device: torch.device) -> Rotary:
    """The rotary positions of one of the transformers."""
    return Rotary(shape.head_dim, config.rope_max, device, config.rope_min)


class Model(ABC):
    """A network on a device, and a cache for `slots` utterances of `branches` branches each.

    Branch 0 is conditioned on the text; branch 1, which classifier-free guidance needs, is not.
    With `branches` = 1 there is no guidance. All shapes are fixed by these numbers: a slot that has
    nothing to do is stepped along and its numbers are dropped.
    """

    sampler_type: type[Sampler] = Sampler
    """What draws fastest from this network's logits."""

    def __init__(
        self,
        config: Dia2Config,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        slots: int = 1,
        branches: int = 2,
    ) -> None:
        self.config, self.dtype = config, dtype
        self.slots, self.branches = slots, branches
        self.device = torch.device(device)
        self.cache = Cache(
            config.decoder, config.max_steps, slots, branches, device=self.device, dtype=dtype
        )
        self.rotary = rotary(config, config.decoder, self.device)
        depth = rotary(config, config.depformer, self.device)
        self.depth_rotary = depth if config.depformer_rope else None

    @abstractmethod
    def forward(self, tokens: Tensor, positions: Tensor, cache: CacheView) -> Tensor:
        """Run the backbone: columns [..., channels] at positions [...] to hidden states.

        They are normed, [..., width].
        """

    @abstractmethod
    def actions(self, hidden: Tensor) -> Tensor:
        """Logits [..., 2] of what the text does: 0 pad, 1 new word."""

    @abstractmethod
    def first_codebook(self, hidden: Tensor) -> Tensor:
        """Logits [..., audio_vocab] of the frame's first codebook."""

    @abstractmethod
    def new_frame(self, slots: int | None = None) -> Frame:
        """The depth transformer's cache for one frame of every slot, or of the first `slots`."""

    @abstractmethod
    def next_codebook(
        self, stage: int, hidden: Tensor, previous: Tensor, text: Tensor, frame: Frame
    ) -> Tensor:
        """Run a stage of the depth transformer: logits [slots, branches, audio_limit].

        They are those of codebook `stage` + 1. `previous` [slots] is the token just chosen, `text`
        [slots, 2] the step's text (main, second); both branches get the same.
        """

    def step(self, tokens: Tensor, positions: Tensor, active: list[bool]) -> Tensor:
        """One column [slots, branches, channels] at positions [slots] for the active slots.

        Gives the normed hidden states [slots, branches, width]; those of other slots mean nothing.
        """
        view = self._view(active)
        hidden = self.forward(tokens, positions[:, None], view)
        view.commit()
        self.cache.count(active)
        return hidden

    def prefill(self, slot: int, tokens: Tensor, positions: Tensor) -> Tensor:
        """Many known columns [time, branches, channels] at positions [time] for one slot.

        The same as so many steps, in a few passes. Gives hidden states [time, branches, width].
        """
        parts = []
        for start in range(0, len(tokens), CHUNK):
            columns, places = tokens[start : start + CHUNK], positions[start : start + CHUNK]
            view = Chunk(self.cache, slot, len(columns))
            parts.append(self.forward(columns.transpose(0, 1), places, view))
            view.commit()
        return torch.cat(parts, dim=1).transpose(0, 1)

    def _view(self, active: list[bool]) -> CacheView:
        return new_step(self.cache, active)

    @property
    def spans(self) -> list[int]:
        """How many entries of the cache a `fixed_step` may look at: those worth a graph each."""
        return doubling(SHORTEST, self.cache.entries)

    def fixed_step(self, active: Tensor, span: int) -> FixedStep:
        """The view of a step of the first slots, for a graph: `active` [slots] move on."""
        return FixedStep(self.cache, active, span)

    def new_sampler(self, kind: type[Sampler] | None = None) -> Sampler:
        """A sampler for the model's slots, of a kind or of that which is fastest here."""
        config, forbidden = self.config, (self.config.audio_pad, self.config.audio_bos)
        sizes = (self.slots, config.max_steps, config.codebooks)
        return (kind or self.sampler_type)(*sizes, forbidden, self.device)

    def action(self, hidden: Tensor, sampler: Sampler, steps: Tensor) -> Tensor:
        """Draw what each slot's text is to do [slots]; arguments as for `column`."""
        return sampler.sample(self.actions(hidden), ACTION, steps)

    def column(self, hidden: Tensor, text: Tensor, sampler: Sampler, steps: Tensor) -> Tensor:
        """Draw a frame's audio tokens [slots, codebooks], codebook by codebook.

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


def state_dict(
    config: Dia2Config, weights: Path | Weights, device: torch.device | str, dtype: torch.dtype
) -> Weights:
    """The network's tensors by name: those of a file, checked before room is made for anything.

    Raises TextToSpeechError.
    """
    if not isinstance(weights, Path):
        return weights
    with torch.device("meta"):
        network = Network(config, dtype)
    return open_weights(weights, dict(network.named_parameters()), torch.device(device))


class ReferenceModel(Model):
    """The network as the specification describes it, module by module; what others must match."""

    def __init__(
        self,
        config: Dia2Config,
        weights: Path | Weights,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        slots: int = 1,
        branches: int = 2,
    ) -> None:
        """Load the weights, of a file or by name. Raises TextToSpeechError."""
        weights = state_dict(config, weights, device, dtype)
        super().__init__(config, device=device, dtype=dtype, slots=slots, branches=branches)
        with torch.device("meta"):
            self.network = Network(config, dtype)
        fill(self.network, weights)
        self.backbone, self.depformer = self.network.transformer, self.network.depformer

    def forward(self, tokens: Tensor, positions: Tensor, cache: CacheView) -> Tensor:
        hidden: Tensor = self.backbone(tokens, positions, self.rotary, cache)
        return hidden

    def actions(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.backbone.action_head(hidden)
        return logits

    def first_codebook(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.backbone.cb0_head(hidden)
        return logits

    def new_frame(self, slots: int | None = None) -> Frame:
        rows = (slots or self.slots) * self.branches
        return Frame(self.config, rows, self.depth_rotary, self.device, self.dtype)

    def next_codebook(
        self, stage: int, hidden: Tensor, previous: Tensor, text: Tensor, frame: Frame
    ) -> Tensor:
        logits: Tensor = self.depformer(
            stage,
            hidden.flatten(0, 1),
            previous.repeat_interleave(self.branches),
            text.repeat_interleave(self.branches, 0).T,
            frame,
        )
        return logits.view(*hidden.shape[:2], -1)
