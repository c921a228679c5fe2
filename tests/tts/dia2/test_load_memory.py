"""Weights are in memory once, also while they are loaded: no file stays mapped, nothing twice."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.tiny_dia2 import save

TENSORS, SIDE = 12, 1448
SIZE = 4 * SIDE * SIDE  # bytes of one tensor: 8 MB

MEASURED = """
import sys
from pathlib import Path
import torch
from torch import nn
from tts.codec.weights import Weights
from tts.transformer.weights import fill, open_weights

tensors, side, folder = int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])

def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024

parts = nn.ParameterList(torch.empty(side, side, device="meta") for _ in range(tensors))

def model():
    like = dict(parts.named_parameters())
    fill(parts, open_weights(folder / "model.safetensors", like, torch.device("cpu")))
    return parts

def codec():
    weights = Weights(folder, torch.device("cpu"), torch.float32)
    return [weights.take(str(number), side, side) for number in range(tensors)]

before = memory("VmRSS")
kept = {"model": model, "codec": codec}[sys.argv[1]]()
mapped = "model.safetensors" in Path("/proc/self/maps").read_text()
print(memory("VmHWM") - before, mapped, len(kept))
"""


@pytest.mark.parametrize("which", ["model", "codec"])
def test_weights_are_in_memory_once(tmp_path: Path, which: str) -> None:
    save(tmp_path / "model.safetensors", {str(n): (SIDE, SIDE) for n in range(TENSORS)})
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, which, str(TENSORS), str(SIDE), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    grown, mapped, kept = done.stdout.split()
    assert (mapped, kept) == ("False", str(TENSORS))
    # All of them, the one that is being read, and what Python and PyTorch take by the way.
    assert int(grown) < (TENSORS + 1) * SIZE + (16 << 20)
