"""Checks of the network: recorded inputs through one growing cache, every layer compared."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from tts.dia2.config import Dia2Config
from tts.dia2.model import Model
from tts.dia2.verify_goldens import Tensors, Trace, read_tensors, sets, traces
from tts.dia2.verify_table import Row, difference, within

NETWORK = 1e-4  # of hidden states and logits, in float32


def check_network(root: Path, device: torch.device, dtype: torch.dtype) -> Iterator[Row]:
    for folder in sets(root):
        if not (folder / "model.safetensors").is_file():
            continue
        config = Dia2Config.from_file(folder / "config.json")
        if (folder / "net.safetensors").is_file():
            model = Model(config, folder / "model.safetensors", device=device, dtype=dtype)
            tolerance = NETWORK if dtype == torch.float32 else None
            recorded = read_tensors(folder / "net.safetensors")
            yield from _backbone(f"{folder.name}/net", model, recorded, tolerance)
            yield from _depformer(f"{folder.name}/net", model, recorded, tolerance)
        if (folder / "net_bf16.safetensors").is_file():
            half = Model(config, folder / "model.safetensors", device=device, dtype=torch.bfloat16)
            yield from _bfloat16(f"{folder.name}/net_bf16", half, folder)
    for trace in traces(root):
        if trace.has_tensors and "warm_hidden" in trace.tensors:
            yield from _warm_up(trace, device, dtype)


@torch.inference_mode()
def _backbone(case: str, model: Model, recorded: Tensors, tolerance: float | None) -> Iterator[Row]:
    table = model.rotary.angles(torch.arange(len(recorded["rope_cos"])), torch.float32)
    half = table[0].shape[-1]
    for name, got in zip(("rope_cos", "rope_sin"), table, strict=True):
        yield within(case, name, difference(got[:, 0].cpu(), recorded[name][:, :half]), 1e-6)

    tokens, positions = _inputs(model, recorded["tokens_in"], recorded["positions"])
    yield _compare(case, "embeddings", model.backbone.embed(tokens), recorded["embed"], tolerance)
    layers: list[list[Tensor]] = []
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
    case: str, model: Model, recorded: Tensors, tolerance: float | None
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


def _frames(model: Model, recorded: Tensors) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Hidden states [2, width], previous tokens [stages, 2] and text [2, 2] of each frame."""
    for n, (previous, text) in enumerate(
        zip(recorded["dep_prev"], recorded["dep_text"], strict=True)
    ):
        hidden = recorded["hidden"][n].to(model.device, model.dtype)
        yield hidden, previous.long().to(model.device), text.long().to(model.device)


@torch.inference_mode()
def _bfloat16(case: str, model: Model, folder: Path) -> Iterator[Row]:
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
def _warm_up(trace: Trace, device: torch.device, dtype: torch.dtype) -> Iterator[Row]:
    weights = trace.folder / "model.safetensors"
    model = Model(trace.config, weights, device=device, dtype=dtype)
    recorded = {
        name.removeprefix("warm_"): tensor
        for name, tensor in trace.tensors.items()
        if name.startswith("warm_")
    }
    tokens, positions = _inputs(model, recorded["tokens_in"], recorded["positions"])
    hidden = model.prefill(0, tokens, positions)
    tolerance = NETWORK if dtype == torch.float32 else None
    yield from _heads(f"{trace.case} warm-up", model, hidden, recorded, tolerance)


def _inputs(model: Model, tokens: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    return tokens.long().to(model.device), positions[:, 0].long().to(model.device)


def _compare(case: str, what: str, got: Tensor, wanted: Tensor, tolerance: float | None) -> Row:
    return within(case, what, difference(got.float().cpu(), wanted.float()), tolerance)
