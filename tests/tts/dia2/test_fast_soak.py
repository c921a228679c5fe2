"""A minute of many utterances at once (`bench.dia2_soak` goes on for longer)."""

import pytest
import torch

from bench import dia2_sizes as sizes
from bench.dia2_soak import alone, soak
from tts.dia2.fast.graphs import GraphStepper
from tts.dia2.fast.model import FastModel
from tts.dia2.stepper import Stepper

FRAMES = 200  # two minutes of speech in all, either way


@pytest.mark.parametrize("stepper", [Stepper, GraphStepper])
def test_nobody_is_disturbed(stepper: type[Stepper]) -> None:
    config = sizes.config("tiny")
    model = FastModel(config, sizes.network(config, torch.device("cpu"), torch.float32), slots=8)
    model.cache.keys.zero_()
    model.cache.values.zero_()
    expected = [alone(model, kind) for kind in range(6)]
    report = soak(stepper(model), expected, lambda steps: steps < FRAMES)
    assert report.disturbed == report.left == 0
    assert report.ended > 20
    assert report.broken >= 5
    assert report.growth < 20
