"""Checks of the network: recorded inputs through one growing cache, every layer compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench.dia2_networks import NETWORKS
from bench.dia2_verify.goldens import Tensors, Trace, read_config, read_tensors, sets, traces
from bench.dia2_verify.table import Row, difference, within
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.model import Model, ReferenceModel

NETWORK = 1e-4  # of hidden states and logits, in float32
DISTRIBUTION = 1e-4  # total variation, or the probability of one token
VARIATION = 0.05  # on average, in bfloat16 or int8: some three times what was measured
OTHERWISE = {"bfloat16": 0.1, "int8": 0.2}
"""Share of tokens drawn otherwise, three times what was measured: these networks are tiny."""


@dataclass(frozen=True)
class Loading:
    """Which of `NETWORKS` is checked, and where it computes in what."""

    network: str
    device: torch.device
    dtype: torch.dtype
    graphs: bool
    """Whether its steps come in graphs."""

    def __call__(self, config: Dia2Config, weights: Path, **options: int) -> Model:
        """The model; `options` are `Model`'s."""
        return NETWORKS[self.network](
            config, weights, device=self.device, dtype=self.dtype, **options
        )

    @property
    def exact(self) -> bool:
        """Whether it must give what was recorded: not if it rounds more."""
        return self.dtype == torch.float32 and self.network != "int8"

    @property
    def variation(self) -> float:
        """Of distributions, on average over the draws of a generation."""
        return DISTRIBUTION if self.exact else VARIATION

    @property
    def otherwise(self) -> float:
        """Of the tokens of a generation, if they need not be exact."""
        return OTHERWISE["int8" if self.network == "int8" else "bfloat16"]

    @property
    def tolerance(self) -> float | None:
        """Of hidden states and logits; None: reported only."""
        return NETWORK if self.exact else None


def check_network(root: Path, load: Loading) -> Iterator[Row]:
    for folder in sets(root):
        weights = folder / "model.safetensors"
        if not weights.is_file():
            continue
        config = read_config(folder / "config.json")
        if (folder / "net.safetensors").is_file():
            model = load(config, weights)
            recorded = read_tensors(folder / "net.safetensors")
            case, tolerance = f"{folder.name}/net", load.tolerance
            yield from _backbone(case, model, recorded, tolerance)
            if isinstance(model, ReferenceModel):
                yield from _depformer(case, model, recorded, tolerance)
            else:
                rows = load(config, weights, slots=2, branches=1)
                yield from _fused_depformer(case, rows, recorded, tolerance)
        if (folder / "net_bf16.safetensors").is_file() and load.network == "plain":
            half = ReferenceModel(config, weights, device=load.device, dtype=torch.bfloat16)
            yield from _bfloat16(f"{folder.name}/net_bf16", half, folder)
    for trace in traces(root):
        if trace.has_tensors and "warm_hidden" in trace.tensors:
            yield from _prefill(trace, load)


@torch.inference_mode()
def _backbone(case: str, model: Model, recorded: Tensors, tolerance: float | None) -> Iterator[Row]:
    table = model.rotary.angles(torch.arange(len(recorded["rope_cos"])), torch.float32)
    half = table[0].shape[-1]
    for name, got in zip(("rope_cos", "rope_sin"), table, strict=True):
        yield within(case, name, difference(got[:, 0].cpu(), recorded[name][:, :half]), 1e-6)

    tokens, positions = _inputs(model, recorded["tokens_in"], recorded["positions"])
    layers: list[list[Tensor]] = []
    hooks = []
    if isinstance(model, ReferenceModel):
        embedded = model.backbone.embed(tokens)
        yield _compare(case, "embeddings", embedded, recorded["embed"], tolerance)
        hooks = [
            layer.register_forward_hook(lambda _m, _i, out: layers[-1].append(out[0].float()))
            for layer in model.backbone.layers
        ]
    states = []
    for column, position in zip(tokens, positions, strict=True):
        layers.append([])
        states.append(model.step(column[None], position[None], [True])[0])
    for hook in hooks:
        hook.remove()
    if hooks:
        stacked = torch.stack([torch.stack(outputs) for outputs in layers])
        yield _compare(case, "layers, step by step", stacked, recorded["layer_out"], tolerance)
    yield from _heads(case, model, torch.stack(states), recorded, tolerance)
    model.cache.truncate(0)
    hidden = model.prefill(0, tokens, positions)
    yield from _heads(f"{case} in one pass", model, hidden, recorded, tolerance)


def _heads(
    case: str, model: Model, hidden: Tensor, recorded: Tensors, tolerance: float | None
) -> Iterator[Row]:
    yield _compare(case, "hidden states", hidden, recorded["hidden"], tolerance)
    actions, first = model.actions(hidden), model.first_codebook(hidden)
    yield _compare(case, "action logits", actions, recorded["action_logits"], tolerance)
    yield _compare(case, "codebook 0 logits", first, recorded["cb0_logits"], tolerance)


@torch.inference_mode()
def _depformer(
    case: str, model: ReferenceModel, recorded: Tensors, tolerance: float | None
) -> Iterator[Row]:
    inputs, layers, logits = [], list[list[Tensor]](), []
    hooks = [
        layer.register_forward_hook(lambda _m, _i, out: layers[-1].append(out.float()))
        for layer in model.depformer.layers
    ]
    for hidden, previous, text in _frames(model, recorded):
        frame = model.new_frame()
        for stage in range(model.config.codebooks - 1):
            layers.append([])
            token = previous[stage]
            inputs.append(model.depformer.embed(stage, hidden, token, text))
            logits.append(model.depformer(stage, hidden, token, text, frame))
    for hook in hooks:
        hook.remove()
    stages = model.config.codebooks - 1
    for what, got in (
        ("dep_in", torch.stack(inputs)),
        ("dep_layer_out", torch.stack([torch.stack(outputs) for outputs in layers])),
        ("dep_logits", torch.stack(logits)),
    ):
        if what in recorded:
            wanted = recorded[what]
            frames = got.view(-1, stages, *got.shape[1:])[: len(wanted)]
            yield _compare(case, f"depth transformer: {what}", frames, wanted, tolerance)


@torch.inference_mode()
def _fused_depformer(
    case: str, model: Model, recorded: Tensors, tolerance: float | None
) -> Iterator[Row]:
    """The recorded branches are fed different tokens: they are slots here."""
    logits = []
    for hidden, previous, text in _frames(model, recorded):
        frame = model.new_frame()
        logits += [
            model.next_codebook(stage, hidden[:, None], previous[stage], text.T, frame)[:, 0]
            for stage in range(model.config.codebooks - 1)
        ]
    wanted = recorded["dep_logits"]
    got = torch.stack(logits).view(wanted.shape)
    yield _compare(case, "depth transformer: dep_logits", got, wanted, tolerance)


def _frames(model: Model, recorded: Tensors) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Hidden states [2, width], previous tokens [stages, 2] and text [2, 2] of each frame."""
    for n, (previous, text) in enumerate(
        zip(recorded["dep_prev"], recorded["dep_text"], strict=True)
    ):
        hidden = recorded["hidden"][n].to(model.device, model.dtype)
        yield hidden, previous.long().to(model.device), text.long().to(model.device)


@torch.inference_mode()
def _bfloat16(case: str, model: ReferenceModel, folder: Path) -> Iterator[Row]:
    """Against the published rounding points, which are not ours: reported, not judged."""
    recorded = read_tensors(folder / "net_bf16.safetensors")
    steps = torch.arange(len(recorded["tokens_in"]))
    tokens, positions = _inputs(model, recorded["tokens_in"], steps[:, None])
    states = [
        model.step(column[None], position[None], [True])[0]
        for column, position in zip(tokens, positions, strict=True)
    ]
    yield from _heads(case, model, torch.stack(states), recorded, None)
    yield from _depformer(case, model, recorded, None)


@torch.inference_mode()
def _prefill(trace: Trace, load: Loading) -> Iterator[Row]:
    model = load(trace.config, trace.folder / "model.safetensors")
    recorded = {
        name.removeprefix("warm_"): tensor
        for name, tensor in trace.tensors.items()
        if name.startswith("warm_")
    }
    tokens, positions = _inputs(model, recorded["tokens_in"], recorded["positions"])
    hidden = model.prefill(0, tokens, positions)
    yield from _heads(f"{trace.case} warm-up", model, hidden, recorded, load.tolerance)


def _inputs(model: Model, tokens: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    return tokens.long().to(model.device), positions[:, 0].long().to(model.device)


def _compare(case: str, what: str, got: Tensor, wanted: Tensor, tolerance: float | None) -> Row:
    return within(case, what, difference(got.float().cpu(), wanted.float()), tolerance)
