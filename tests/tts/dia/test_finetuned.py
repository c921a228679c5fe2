"""A model that Transformers has trained and saved speaks here as it does there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tts.dia.models import SMALL, load_model
from tts.dia.network.sampling import Sampling
from tts.dia.stepper import Stepper
from tts.dia.take import Take

TEXT = b"\x01 Hello there. \x02 Hi."


@pytest.mark.long
def test_after_a_training_step(tmp_path: Path) -> None:
    from transformers import DiaForConditionalGeneration

    theirs: Any = DiaForConditionalGeneration.from_pretrained(SMALL)
    config = theirs.config
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.5)
    generator = torch.Generator().manual_seed(0)
    columns = torch.randint(0, 64, (1, 12, 5), generator=generator)
    given = {
        "input_ids": torch.tensor([list(TEXT)]),
        "decoder_input_ids": columns[:, :-1],
        "labels": columns[0, 1:].T.contiguous(),
    }
    before = theirs(**given).loss
    before.backward()
    optimizer.step()
    assert theirs(**given).loss < before
    theirs.save_pretrained(tmp_path)
    ours = load_model(tmp_path)
    untrained = load_model()
    ours.hear(0, TEXT)
    untrained.hear(0, TEXT)
    rows = columns[0]
    with torch.no_grad():
        logits = theirs(given["input_ids"], decoder_input_ids=columns).logits.view(5, 12, 68)
    found = ours.prefill(0, rows)[0].transpose(0, 1)
    assert (found - logits).abs().max() < 1e-4
    assert (untrained.prefill(0, rows)[0].transpose(0, 1) - logits).abs().max() > 1e-2

    sampling, longest = Sampling(temperature=0, top_k=20), 20
    take, stepper = Take(ours.config, TEXT, sampling=sampling, longest=longest), Stepper(ours)
    stepper.admit(take)
    while not take.finished:
        stepper.step()
    row = torch.tensor(
        [[[66] * 5], *[[[66 if t <= d else 65 for d in config.delay_pattern]] for t in range(1, 7)]]
    )
    rows = row.transpose(0, 1)
    grid = theirs.generate(
        given["input_ids"],
        decoder_input_ids=rows,
        decoder_attention_mask=torch.ones(1, 7, dtype=torch.int64),
        do_sample=False,
        guidance_scale=3.0,
        top_k=20,
        max_new_tokens=longest + 7,
    )[0]
    end = 1 + len(take.codes)
    codes = np.stack(
        [grid[1 + lag : end + lag, c] for c, lag in enumerate(config.delay_pattern)], 1
    )
    assert take.codes.tolist() == codes.tolist()
