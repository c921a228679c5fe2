"""Checks of the codec: whole, as a stream, what is final when; and the prompt made of a voice."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bench.dia2_verify.table import Row, difference, exact, same, within
from bench.dia_verify.goldens import Golden, Run
from tts.dia.network.delays import FREE, delay

WAVE = 5e-4
LATENT = 2e-4
GAP = 1e-4  # of two entries: nearer ones may change places


def check_codec(golden: Golden) -> Iterator[Row]:
    """Every recorded decoding, and the waves of takes."""
    case, said, dac = golden.name, golden.json, golden.dac
    found = [dac.frame_size, dac.look_ahead, dac.codebooks]
    wanted = [said["hop"], said["lookahead"], len(said["delay"])]
    yield same(case, "codec: samples a frame, look-ahead, codebooks", found, wanted)
    for number, each in enumerate(said["dac"]):
        yield from _check_wave(golden, f"dac.{number}", each)
    for name in said["runs"]:
        run = Run(golden, name)
        if "wave" in run:
            wave = dac.decode(run["codes"].T)
            yield within(run.case, "wave", difference(wave.cpu(), run["wave"]), WAVE)


def _check_wave(golden: Golden, name: str, said: dict[str, Any]) -> Iterator[Row]:
    """One decoding: whole, frame by frame, and with each frame exchanged for another."""
    tensors, dac, case = golden.tensors, golden.dac, f"{golden.name}/{name}"
    codes, recorded = tensors[f"{name}.codes"].long().T, tensors[f"{name}.wave"]
    sizes = [codes.shape[1], len(recorded)]
    yield same(case, "frames and samples", sizes, [said["frames"], said["samples"]])
    wave = dac.decode(codes).cpu()
    yield within(case, "wave", difference(wave, recorded), WAVE)
    if f"{name}.latent" in tensors:
        latent = dac.quantizer.decode(codes.to(dac.device))[0]
        off = difference(latent.cpu(), tensors[f"{name}.latent"])
        yield within(case, "latents", off, LATENT)
    stream = dac.decoder()
    pieces = [stream.step(frame[:, None].to(dac.device)).cpu() for frame in codes.T]
    ready = np.cumsum([len(each) for each in pieces])
    ready[-1] += len(rest := stream.finish().cpu())
    yield same(case, "what is final after each frame", ready, said["ready"])
    yield within(
        case, "wave, frame by frame", difference(torch.cat([*pieces, rest]), recorded), WAVE
    )
    touched = said["first_touched"]
    wrong = sum(_differs(golden, codes, wave, frame, at) for frame, at in enumerate(touched))
    wrong += sum(after < before for before, after in zip(said["ready"], touched[1:], strict=False))
    yield exact(case, "samples that change before they may", wrong, len(touched))


def _differs(golden: Golden, codes: Tensor, wave: Tensor, frame: int, first: int) -> bool:
    """Whether another frame in the place of one changes samples before the first it may change."""
    other = codes.clone()
    other[:, frame] = (other[:, frame] + 1) % golden.config.eos
    changed = golden.dac.decode(other).cpu() != wave
    # Where it was seen to begin is at or after the first sample that could change.
    seen = int(changed.int().argmax()) if bool(changed.any()) else len(wave)
    return abs(seen - first) > golden.dac.frame_size // 8


def check_voice(golden: Golden) -> Iterator[Row]:
    """A clip to the prompt that speaks in its voice."""
    tensors, dac, config, case = golden.tensors, golden.dac, golden.config, golden.name
    latent = dac.latents(tensors["voice.wave"])
    off = difference(latent.cpu(), tensors["voice.latent"])
    yield within(case, "voice: latents", off, LATENT)
    gaps = _gaps(golden, latent).cpu()
    yield within(
        case, "voice: gaps of the nearest codes", difference(gaps, tensors["voice.gap"]), LATENT
    )
    codes, wanted = dac.encode(tensors["voice.wave"]).T.cpu(), tensors["voice.codes"]
    clear = tensors["voice.gap"] > GAP
    wrong = int((codes != wanted)[clear].sum()) if codes.shape == wanted.shape else wanted.numel()
    yield exact(case, "voice: codes", wrong, int(clear.sum()))
    grid = delay(wanted.numpy(), config.delays, config.bos)
    laid_out = np.where(grid == FREE, config.pad, grid)
    yield same(case, "voice: laid out", laid_out, tensors["voice.decoder_input_ids"])
    yield same(case, "voice: rows", [1 + len(wanted)], [golden.json["prompt_len"]])


def _gaps(golden: Golden, latents: Tensor) -> Tensor:
    """By how much each nearest code is nearer than the next, [frames, codebooks]."""
    quantizer, gaps = golden.dac.quantizer, list[Tensor]()
    for table, inner, outer, codes in zip(
        quantizer.tables,
        quantizer.inputs,
        quantizer.outputs,
        golden.tensors["voice.codes"].long().T.to(latents.device),
        strict=True,
    ):
        inputs = functional.normalize(functional.linear(latents, *inner))
        best = functional.linear(inputs, functional.normalize(table)).topk(2, -1).values
        gaps.append(best[:, 0] - best[:, 1])
        latents = latents - functional.linear(functional.embedding(codes, table), *outer)
    return torch.stack(gaps, 1)
