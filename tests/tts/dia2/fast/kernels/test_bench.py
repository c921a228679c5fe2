"""A test of the kernels' bench: what it times beside each other comes to the same."""

import pytest
import torch
from torch import Tensor

from bench import dia2_kernels as bench
from bench import dia2_sizes as sizes
from tts.dia2.fast.gpu.model import KernelModel
from tts.transformer import linear

CASES = 15


@pytest.mark.usefixtures("whole")
def test_both_ways_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "SMALL", 1 << 30)  # no matrix in another order
    config, cpu = sizes.config("tiny"), torch.device("cpu")
    model = KernelModel(
        config, sizes.RandomWeights(config, cpu, torch.float32), device=cpu, dtype=torch.float32
    )
    model.cache.keys.normal_()
    model.cache.values.normal_()
    names = set()
    with torch.inference_mode():
        model.new_frame().seen.normal_()
        for case in bench._cases(model, 20):
            ours, theirs = case.ours(1), case.theirs(1)
            names.add(case.name)
            if isinstance(ours, Tensor):
                assert isinstance(theirs, Tensor)
                torch.testing.assert_close(ours, theirs.view(ours.shape), rtol=0, atol=1e-4)
    assert len(names) == CASES
