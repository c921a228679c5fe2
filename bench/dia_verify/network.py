"""Checks of the network: encoder, decoder, both layouts of its weights, what training sees."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bench.dia2_verify.table import Row, difference, exact, same, within
from bench.dia_verify.goldens import Golden
from tts.dia.network.delays import FREE, delay
from tts.dia.network.model import Model
from tts.dia.tokenizer import to_bytes

NETWORK = 1e-4
LOSS = 1e-4
_IGNORED = -100  # a label that is not learned


def check_network(golden: Golden) -> Iterator[Row]:
    """Encoder and decoder, all at once and step by step, layer by layer."""
    yield from _of_weights(golden, golden.model, golden.name)
    yield from _layers(golden, golden.model)
    if golden.original_weights is not None:
        case, original = f"{golden.name}/nari", golden.original_weights
        yield from _of_weights(golden, golden.model_of(original), case)
        wrong = sum(not torch.equal(each, original[name]) for name, each in golden.weights.items())
        yield exact(case, "tensors in both layouts", wrong, len(original))


def _of_weights(golden: Golden, model: Model, case: str) -> Iterator[Row]:
    tensors, text = golden.tensors, bytes(golden.json["ids"])
    with torch.inference_mode():
        heard = model.encoder(model.tensor(list(text)))
        nothing = model.encoder(model.tensor([0])).expand_as(heard)
    for name, got in (("cond", heard), ("uncond", nothing)):
        off = difference(got.cpu(), tensors[f"net.encoder_{name}"])
        yield within(case, f"encoder, {name}", off, NETWORK)
    wanted = [tensors[f"net.logits_{each}"] for each in ("cond", "uncond")]
    rows = tensors["net.tokens"].long().to(model.device)
    for how, run in (("all at once", _at_once), ("step by step", _by_steps)):
        model.release(0)
        model.hear(0, text)
        for name, got, want in zip(("cond", "uncond"), run(model, rows), wanted, strict=True):
            yield within(case, f"logits, {name}, {how}", difference(got.cpu(), want), NETWORK)


def _at_once(model: Model, rows: Tensor) -> Tensor:
    return model.prefill(0, rows)


def _by_steps(model: Model, rows: Tensor) -> Tensor:
    return torch.stack([model.step(row[None], [True])[0] for row in rows], 1)


def _layers(golden: Golden, model: Model) -> Iterator[Row]:
    """What goes into each layer, of the branch that hears the text."""
    tensors, text = golden.tensors, model.tensor(golden.json["ids"])
    with torch.inference_mode(), _recorded(model.encoder.blocks) as seen:
        model.encoder(text)
    wanted = tensors["net.encoder_layers"]
    off = difference(torch.stack(seen).cpu(), wanted)
    yield within(golden.name, "encoder, layer by layer", off, NETWORK)
    rows = tensors["net.tokens"].long().to(model.device)
    model.release(0)
    model.hear(0, bytes(golden.json["ids"]))
    with _recorded(model.decoder.layers) as seen:
        hidden = model.prefill(0, rows, logits=False)[0]
    # The last norm's weight is in the matrix of the logits.
    root, weight = hidden.shape[-1] ** 0.5, golden.weights["model.decoder.norm.weight"]
    found = [
        *(each.view(model.branches, len(rows), -1)[0] for each in seen),
        hidden * root * weight,
    ]
    off = difference(torch.stack(found).cpu(), tensors["net.decoder_layers"])
    yield within(golden.name, "decoder, layer by layer", off, NETWORK)


@contextmanager
def _recorded(layers: list[Any]) -> Iterator[list[Tensor]]:
    """Keep what each of the layers is given first."""
    before, seen = layers.copy(), list[Tensor]()

    def recorded(layer: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def run(x: Tensor, *others: object) -> Tensor:
            seen.append(x.clone())
            return layer(x, *others)

        return run

    layers[:] = map(recorded, before)
    try:
        yield seen
    finally:
        layers[:] = before


def check_training(golden: Golden) -> Iterator[Row]:
    """What the decoder is given and is to learn of a clip, and how far it is from that."""
    model, config, tensors = golden.model, golden.config, golden.tensors
    recorded, case = golden.json["train"], golden.name
    codes = tensors["voice.codes"].numpy()
    ends = np.vstack((codes, np.full((1, config.codebooks), config.eos, np.int32)))
    laid_out = delay(ends, config.delays, config.bos)
    whole = np.where(laid_out == FREE, config.pad, laid_out)
    given, labels = whole[:-1], whole[1:].copy()
    labels[(labels == config.pad) | (labels == config.bos)] = _IGNORED
    yield same(case, "training: what is given", given, tensors["train.decoder_input_ids"])
    yield same(case, "training: labels", labels.T, tensors["train.labels"])
    model.release(0)
    model.hear(0, to_bytes(recorded["text"]))
    logits = model.prefill(0, torch.from_numpy(given).long().to(model.device))[0]
    wanted = torch.from_numpy(labels).long().to(model.device)
    loss = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=_IGNORED)
    yield within(case, "training: loss", abs(float(loss) - recorded["loss"]), LOSS)
