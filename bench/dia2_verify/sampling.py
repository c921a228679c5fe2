"""Checks of guidance, distributions and the arithmetic of the grid."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from bench.dia2_verify.goldens import read_json, read_tensors
from bench.dia2_verify.replay import pick_native
from bench.dia2_verify.table import Row, exact, not_run, same, within
from tts.dia2.network import delays as grid
from tts.dia2.network.sampling import distribution, forbid, guide
from tts.transformer.wave_file import pcm16

VARIATION = 1e-6  # total variation between two distributions of the same logits


def check_sampling(root: Path, device: torch.device) -> Iterator[Row]:
    if (root / "cfg_sampler.json").is_file():
        yield from _sampler(root, device)
    if (root / "grid.json").is_file():
        yield from _grid(root)


def _sampler(root: Path, device: torch.device) -> Iterator[Row]:
    data = read_json(root / "cfg_sampler.json")
    tensors = {
        name: tensor.to(device)
        for name, tensor in read_tensors(root / "cfg_sampler.safetensors").items()
    }

    def one(value: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.tensor([value], device=device, dtype=dtype)

    wrong = 0
    for item in data["cfg"]:
        logits = tensors[f"cfg{item['id']}_in"][:, 0][None]
        got = guide(logits, one(item["scale"]), one(item["k"], torch.int64))
        wrong += not torch.equal(got[0], tensors[f"cfg{item['id']}_out"][0, 0])
    yield exact("cfg_sampler", "guidance filter", wrong, len(data["cfg"]))

    wrong, largest, greedy = 0, 0.0, 0
    for item in data["sampler"]:
        logits = tensors[f"smp{item['id']}_in"][None]
        if "argmax" in item:
            greedy += 1
            wrong += int(logits.argmax(-1)) != item["argmax"]
        else:
            p = distribution(logits, one(item["temp"]), one(item["top_k"], torch.int64))[0]
            wanted = tensors[f"smp{item['id']}_probs"]
            largest = max(largest, float((p - wanted).abs().sum()) / 2)
    yield exact("cfg_sampler", "likeliest tokens", wrong, greedy)
    yield within("cfg_sampler", "distributions (total variation)", largest, VARIATION)

    wrong = 0
    for item in data["mask"]:
        got = forbid(tensors[f"mask{item['id']}_in"].view(1, -1), (item["pad"], item["bos"]))
        wrong += not torch.equal(got[0], tensors[f"mask{item['id']}_out"].view(-1))
    yield exact("cfg_sampler", "forbidden ids", wrong, len(data["mask"]))

    if device.type != "cpu":
        yield not_run("cfg_sampler", "draws of the CPU's generator", f"on {device.type}")
        return
    wrong = total = 0
    for item in data["native"]:
        torch.manual_seed(item["torch_manual_seed"])
        for logits, token in zip(tensors[f"{item['key']}_in"], item["tokens"], strict=True):
            p = distribution(logits.view(1, -1), one(item["temp"]), one(item["top_k"], torch.int64))
            wrong += int(pick_native(p, item["top_k"])) != token
            total += 1
    yield exact("cfg_sampler", "draws in PyTorch's own order", wrong, total)


def _grid(root: Path) -> Iterator[Row]:
    data = read_json(root / "grid.json")
    wrong = 0
    for item in data["delay"]:
        aligned = np.array(item["aligned"], np.int32).reshape(len(item["aligned"]), -1)
        delayed = grid.delay(aligned, item["delays"], data["pad"])
        wrong += delayed.tolist() != item["delayed"]
        wrong += grid.undelay(delayed, item["delays"]).tolist() != item["undelayed"]
    for item in data["undelay"]:
        delayed = np.array(item["delayed"], np.int32)
        wrong += grid.undelay(delayed, item["delays"]).tolist() != item["undelayed"]
    yield exact("grid", "delay and undelay", wrong, 2 * len(data["delay"]) + len(data["undelay"]))
    wrong = 0
    for item in data["fill"]:
        for buffer, wanted in zip(item["audio_buf"], item["audio_channels"], strict=True):
            got = grid.column(np.array(buffer), item["step"], item["delays"], item["bos"])
            wrong += got.tolist() != wanted
    yield exact("grid", "what the network hears", wrong, 2 * len(data["fill"]))
    wave = np.array(data["wav16"]["x"], np.float32)
    yield same("grid", "int16 samples", pcm16(wave), data["wav16"]["pcm"])
