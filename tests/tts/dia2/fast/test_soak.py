"""A minute of many utterances at once (`bench.dia2_soak` goes on for longer)."""

import pytest
import torch

from bench import dia2_sizes as sizes
from bench.dia2_soak import alone, soak
from tts.dia2.fast.gpu.graphs import Graphs
from tts.dia2.fast.model import FastModel
from tts.dia2.serving.graph_stepper import new_stepper

FRAMES = 200  # two minutes of speech in all, either way


@pytest.mark.long
@pytest.mark.parametrize("graphs", [False, True])
def test_nobody_is_disturbed(graphs: bool) -> None:
    config = sizes.config("tiny")
    model = FastModel(
        config, sizes.RandomWeights(config, torch.device("cpu"), torch.float32), slots=8
    )
    expected = [alone(model, kind) for kind in range(6)]
    stepper = new_stepper(model, Graphs(model) if graphs else None)
    report = soak(stepper, expected, lambda steps: steps < FRAMES)
    assert report.disturbed == report.left == 0
    assert report.ended > 20
    assert report.broken >= 5
    assert report.growth < 20
