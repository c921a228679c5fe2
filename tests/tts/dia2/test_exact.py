"""Tests of what the exactness tests excuse: a draw at an edge, by its name, and nothing else."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.tiny_dia2 import make
from tests.tts.dia2.exact import Call, NearTie, calls, part, watch
from tests.tts.dia2.networks import load_model, make_sequence, words
from tts.dia2.network.model import Model
from tts.dia2.network.sampling import ACTION, FIRST_CODEBOOK, Sampling, random_numbers
from tts.dia2.serving.stepper import Stepper


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(make(tmp_path_factory.mktemp("dia2"), codebooks=3))


def call(model: Model, sampling: Sampling) -> Call:
    """A column of audio."""
    sampler, config = model.new_sampler(), model.config
    sampler.assign(0, sampling, random_numbers(1, config.max_steps, config.codebooks))
    hidden = torch.randn(
        1, model.branches, config.decoder.width, generator=torch.Generator().manual_seed(1)
    )
    text, steps = torch.tensor([[9, 4]]), torch.tensor([3])
    with torch.inference_mode():
        return calls(
            model, (hidden, text), sampler, steps, model.column(hidden, text, sampler, steps)
        )[0]


def at(call: Call, *, number: float) -> Call:
    """The same, its first codebook drawn with another number."""
    uniforms = call.uniforms.copy()
    uniforms[FIRST_CODEBOOK] = number
    return replace(call, uniforms=uniforms)


def other(call: Call, token: int) -> Call:
    """The same, with another first token."""
    return replace(call, tokens=[token, *call.tokens[1:]])


EVERYTHING = Sampling(audio_temperature=1.0, audio_top_k=0, scale=1.0)


def edge(call: Call, token: int) -> float:
    """Where the numbers end that draw a token of the first codebook."""
    logits = torch.from_numpy(call.logits(FIRST_CODEBOOK)[0]).double()
    logits[[each for each in call.forbidden if each < len(logits)]] = -torch.inf
    return float(logits.softmax(0).cumsum(0)[token])


def test_a_draw_at_an_edge_may_fall_on_either_side(model: Model) -> None:
    drawn = call(model, EVERYTHING)
    there = edge(drawn, 7)
    for number in (there - 1e-7, there + 1e-7):
        one = at(drawn, number=number)
        with pytest.warns(NearTie, match=r"step 3, codebook 0: 7 and 8 .* from the edge between"):
            assert part(other(one, 7), other(one, 8))
    assert not part(drawn, drawn)


@pytest.mark.parametrize("token", [7, 9])
def test_a_draw_that_is_not_at_their_edge_is_a_failure(model: Model, token: int) -> None:
    drawn = call(model, EVERYTHING)
    one = at(drawn, number=edge(drawn, 7) + (1e-4 if token == 7 else 1e-7))
    with pytest.raises(AssertionError, match=r"codebook 0: .* and no edge is that near"):
        part(other(one, token), other(one, 8 if token == 7 else 10))


def test_logits_that_differ_are_a_failure(model: Model) -> None:
    drawn = call(model, EVERYTHING)
    one = at(drawn, number=edge(drawn, 7))
    far = replace(other(one, 8), hidden=one.hidden * 1.001)
    with pytest.raises(AssertionError, match="hidden states differ"):
        part(other(one, 7), far)


@pytest.mark.parametrize(
    ("sampling", "edge"),
    [
        (Sampling(audio_temperature=0, scale=1.0), "as likely as each other"),
        (Sampling(audio_top_k=5, scale=1.0), "from the edge of the likeliest 5"),
        (Sampling(audio_top_k=0, scale=2.0, filter_k=5), "from the edge of the filter"),
    ],
)
def test_other_edges(
    model: Model, sampling: Sampling, edge: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tokens change places; with other logits they are not near."""
    drawn = call(model, sampling)
    logits = drawn.logits(FIRST_CODEBOOK)
    branch = logits[0] + (logits[0] - logits[1]) * (sampling.scale - 1)
    order = [int(each) for each in (-branch).argsort() if int(each) not in drawn.forbidden]
    place = 0 if sampling.audio_temperature == 0 else 4
    one, two = order[place : place + 2]
    with pytest.raises(AssertionError, match="no edge is that near"):
        part(other(drawn, one), other(drawn, two))
    near = logits.copy()
    near[:, two] = near[:, one] - 1e-7
    monkeypatch.setattr(Call, "logits", lambda *_: near)
    with pytest.warns(NearTie, match=re.escape(edge)):
        assert part(other(drawn, one), other(drawn, two))


def test_an_utterance_is_watched_to_its_end(tmp_path: Path) -> None:
    model = load_model(make(tmp_path, codebooks=3, max_steps=60), slots=2)
    sequences = [make_sequence(model.config, 1, published=True) for _ in range(2)]
    with watch(model) as draws:
        for sequence in sequences:
            stepper = Stepper(model)
            sequence.machine.add(words(2, 1))
            sequence.machine.close()
            stepper.admit(sequence)
            while not sequence.finished:
                assert stepper.step()
    first = draws.steps[sequences[0]]
    assert len(first) == sequences[0].step
    assert all(step.action.first == ACTION and step.column for step in first)
    assert draws.same(*sequences)
    column = first[5].column
    assert column
    assert list(sequences[0].grid[:, 6]) == column.tokens
    column.tokens[2] += 1
    with pytest.raises(AssertionError, match="step 5, codebook 2"):
        draws.same(*sequences)
