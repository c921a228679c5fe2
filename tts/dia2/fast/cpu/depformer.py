"""The depth transformer on a CPU, one compiled call a frame (see `tts.dia2.fast.cpu.loops`)."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread

import numpy as np
import torch
from torch import Tensor, nn

from tts.dia2.fast.backbone import stack
from tts.dia2.fast.cpu.depth_loops import Depth, Frame, column
from tts.dia2.fast.cpu.draw_loops import CompiledSampler, Drawing
from tts.dia2.fast.cpu.int8_loops import help_out, to_bytes
from tts.dia2.fast.cpu.loops import ACTIVATIONS, Bytes, Floats
from tts.dia2.fast.cpu.team_loops import STOP, Team, new_team
from tts.dia2.fast.layers import take, weight_of
from tts.dia2.network import depformer as plain
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.layers import Rotary, TextEmbedding

LARGE = 1 << 20  # weights of an MLP's matrix: two threads read them faster than one
_PROBE = 16  # frames from one try of the other way to the next
_SLOW = 2.0  # seconds: a first call that takes longer compiles

_log = logging.getLogger(__name__)


class Depformer:
    """Takes the weights of `tts.dia2.network.depformer.Depformer`, which is left without them."""

    sampler_type = CompiledSampler

    def __init__(
        self,
        config: Dia2Config,
        depformer: plain.Depformer,
        rotary: Rotary | None,
        branches: int,
        *,
        quantize: bool,
    ) -> None:
        """Compiles at its end, if this machine has not done so before: that takes seconds."""
        self.branches, self.stages = branches, config.codebooks - 1
        self.limit = config.audio_limit
        self.text = depformer.text_embed if config.depformer_text else None
        assert self.text is None or isinstance(self.text, TextEmbedding)
        self.team = new_team() if quantize else None
        self.net = _depth(config, depformer, rotary, self.team)
        large = config.depformer.width * config.depformer.hidden > LARGE
        self.helps = large and torch.get_num_threads() > 1
        self.frames, self.took = 0, [0.0, 0.0]  # how long a frame takes alone, and with help
        begun = time.perf_counter()
        frame = plain.Frame(config, branches, None, torch.device("cpu"), torch.float32)
        nothing = torch.zeros(1, 2, dtype=torch.int64)
        self(0, torch.zeros(1, branches, config.decoder.width), nothing[:, 0], nothing, frame)
        if (took := time.perf_counter() - begun) > _SLOW:
            _log.info("compiled Dia2's loops in %.0f s; they are kept for the next time", took)

    def __call__(
        self, stage: int, hidden: Tensor, previous: Tensor, text: Tensor, frame: plain.Frame
    ) -> Tensor:
        """The logits [slots, branches, limit] of codebook `stage` + 1.

        `hidden` [slots, branches, decoder width], `previous` [slots], `text` [slots, 2].
        """
        slots = len(previous)
        tokens = torch.zeros(slots, self.stages + 1, dtype=torch.int64)
        tokens[:, stage] = previous
        whole, floats = np.zeros(slots, np.int64), np.zeros(slots, np.float32)
        likeliest = Drawing(floats, whole, floats, whole, np.zeros((slots, 0)))
        this = self._frame(hidden, text, tokens, frame)
        column((stage, stage + 1), tuple(self.net), tuple(this), tuple(likeliest))
        return torch.from_numpy(this.logits).view(slots, self.branches, -1)

    def column(
        self,
        hidden: Tensor,
        text: Tensor,
        first: Tensor,
        drawing: Drawing,
        frame: plain.Frame,
    ) -> Tensor | None:
        """A frame's tokens [slots, codebooks] after the `first` [slots]; others as for a call.

        None if one of the draws needs the whole procedure.
        """
        tokens = torch.zeros(len(first), self.stages + 1, dtype=torch.int64)
        tokens[:, 0] = first
        this = self._frame(hidden, text, tokens, frame)
        stages = (0, self.stages)
        with self._helped():
            done = column(stages, tuple(self.net), tuple(this), tuple(drawing))
        return tokens if done else None

    @contextmanager
    def _helped(self) -> Iterator[None]:
        """With a second thread at large int8 matrices, if that is quicker at present.

        It is not where other programs want the processors: now and then the other way is tried.
        """
        if self.team is None or not self.helps:
            yield
            return
        self.frames += 1
        helped = (self.took[1] <= self.took[0]) != (self.frames % _PROBE == 0)
        begun = time.perf_counter()
        self.team[STOP] = 0
        helper = Thread(target=help_out, args=(self.team,), name="dia2-helper")
        if helped:
            helper.start()
        try:
            yield
        finally:
            self.team[STOP] = 1
            if helped:
                helper.join()
        took = time.perf_counter() - begun
        self.took[helped] = (self.took[helped] + took) / 2

    def _frame(self, hidden: Tensor, text: Tensor, tokens: Tensor, frame: plain.Frame) -> Frame:
        width = self.net.audio.shape[2]
        start = torch.zeros(len(tokens), width)
        if self.text is not None:
            start = self.text(text[:, 0], text[:, 1])
        rows = hidden.flatten(0, 1).contiguous()
        logits = torch.empty(len(rows), self.limit)
        inputs = (each.numpy() for each in (rows, start, tokens, frame.seen, logits))
        return Frame(*inputs)


def _depth(
    config: Dia2Config, depformer: plain.Depformer, rotary: Rotary | None, team: Team | None
) -> Depth:
    sets = sorted(set(config.schedule))
    layers: list[plain.Layer] = list(depformer.layers)  # type: ignore[arg-type]
    attentions = [layer.self_attention for layer in layers]
    before = [weight_of(layer.pre_norm) for layer in layers for _ in sets]
    after = [weight_of(layer.post_norm) for layer in layers]
    end = [weight_of(depformer.norm)] * len(depformer.logits)
    in_proj = [each.in_proj[str(name)] for each in attentions for name in sets]
    out_proj = [each.out_proj[str(name)] for each in attentions for name in sets]
    norms = [[weight_of(each.q_norm), weight_of(each.k_norm)] for each in attentions]
    turns = np.zeros((config.codebooks - 1, 2, config.depformer.head_dim // 2), np.float32)
    turns[:, 0] = 1
    if rotary is not None:
        angles = rotary.angles(torch.arange(config.codebooks - 1), torch.float32)
        turns = torch.cat(angles, 1).numpy()
    first, second = (ACTIVATIONS.index(name) for name in config.depformer.activations)
    audio = [take(each) for each in depformer.audio_embeds]
    matrices = _floats if team is None else partial(_bytes, team)
    return Depth(
        inputs=matrices([depformer.depformer_in[str(each)] for each in sets]),
        qkv=matrices(in_proj, before),
        out=matrices(out_proj),
        wi=matrices([each.mlp.wi for each in layers], after),
        wo=matrices([each.mlp.wo for each in layers]),
        heads=matrices(list(depformer.logits), end, config.audio_limit),
        audio=stack(audio).view(len(audio), -1, config.depformer.width).numpy(),
        norms=np.array([[each.numpy() for each in pair] for pair in norms]),
        turns=turns,
        sets=np.array([sets.index(each) for each in config.schedule]),
        hidden=config.depformer.hidden,
        eps=config.eps,
        first=first,
        second=second,
    )


def _weights(
    modules: list[nn.Module], norms: list[Tensor] | None, limit: int | None
) -> Iterator[Tensor]:
    """Their matrices [outputs, inputs], each times its norm; one module after the other.

    The modules lose theirs: there is memory for one of the two.
    """
    for number, module in enumerate(modules):
        weight = take(module)[:limit]
        yield weight if norms is None else weight.mul_(norms[number])


def _floats(
    modules: list[nn.Module], norms: list[Tensor] | None = None, limit: int | None = None
) -> Floats:
    """[modules, inputs, outputs]."""
    whole: Tensor | None = None
    for number, weight in enumerate(_weights(modules, norms, limit)):
        if whole is None:
            whole = torch.empty(len(modules), *weight.T.shape)
        whole[number] = weight.T
    assert whole is not None
    return whole.numpy()


def _bytes(
    team: Team,
    modules: list[nn.Module],
    norms: list[Tensor] | None = None,
    limit: int | None = None,
) -> Bytes:
    """The same in int8."""
    each = [to_bytes(weight) for weight in _weights(modules, norms, limit)]
    weights, scales, sums = (torch.stack(part).numpy() for part in zip(*each, strict=True))
    return weights, scales, sums, team
