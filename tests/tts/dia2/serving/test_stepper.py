"""Tests of slots stepped together: none notices the others, and text may come when it likes."""

import copy
import gc
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tiny_dia2 import make
from tests.tts.dia2.exact import watch
from tests.tts.dia2.networks import load_model, make_sequence, words
from tts import TextToSpeechError
from tts.dia2.network.delays import Codes
from tts.dia2.network.model import Model
from tts.dia2.network.sampling import Sampling
from tts.dia2.serving.sequence import Sequence, Status
from tts.dia2.serving.stepper import Stepper
from tts.dia2.text.prefix import PrefixPlan
from tts.dia2.text.script import ScriptParser, parse_script
from tts.dia2.text.tokenizer import Tokenizer

PLAN = PrefixPlan(tuple(words(2, 1)), (3, 8), 14)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("dia2"), codebooks=4, max_steps=150)


@pytest.fixture(scope="module")
def single(folder: Path) -> Model:
    return load_model(folder)


@pytest.fixture(scope="module")
def triple(folder: Path) -> Model:
    return load_model(folder, slots=3)


def closed(sequence: Sequence, *sizes: int) -> Sequence:
    sequence.machine.add(words(*sizes))
    sequence.machine.close()
    return sequence


def voiced(model: Model, seed: int = 0, *, published: bool = False) -> Sequence:
    codes = np.arange(4 * 14, dtype=np.int32).reshape(4, 14) % 60
    return make_sequence(model.config, seed, published=published, prefix=PLAN, codes=codes)


def finish(stepper: Stepper, *sequences: Sequence) -> None:
    while not all(sequence.finished for sequence in sequences):
        assert stepper.step()


def alone(model: Model, sequence: Sequence) -> Codes:
    """The frames of a sequence with nothing beside it."""
    stepper = Stepper(model)
    stepper.admit(sequence)
    finish(stepper, sequence)
    return sequence.frames()


def test_a_take_alone_and_beside_others(single: Model, triple: Model) -> None:
    """In whichever slot, whatever begins or ends beside it meanwhile."""
    samplings = (Sampling(), Sampling(0.0, 1, 0.0, 1), Sampling(1.0, 0, 1.0, 0, scale=1.0))
    sizes = ((2, 1, 3), (1, 0, 2, 4, 1), (3, 3))

    def sequence(n: int) -> Sequence:
        return closed(make_sequence(single.config, n, sampling=samplings[n]), *sizes[n])

    stepper, sequences, others = (
        Stepper(triple),
        *([sequence(n) for n in range(3)] for _ in range(2)),
    )
    with watch(single, triple) as draws:
        wanted = [alone(single, each) for each in others]
        stepper.admit(make_sequence(single.config))
        for n, delay in ((2, 9), (0, 5)):
            stepper.admit(sequences[n])
            for _ in range(delay):
                assert stepper.step()
        stepper.release(0)
        assert stepper.admit(sequences[1]) == 0
        finish(stepper, *sequences)
    for each, other, frames in zip(sequences, others, wanted, strict=True):
        if draws.same(each, other):
            assert np.array_equal(each.frames(), frames)


def test_a_waiting_slot_holds_up_nobody_and_keeps_its_draw(triple: Model) -> None:
    wanted = alone(triple, closed(make_sequence(triple.config, 1), 2, 2, 2))
    stepper = Stepper(triple)
    late, other = make_sequence(triple.config, 1), closed(make_sequence(triple.config, 2), 1, 1)
    stepper.admit(late)
    stepper.admit(other)
    finish(stepper, other)
    assert late.status is Status.STARVED
    assert not stepper.step()
    at = late.step
    closed(late, 2, 2, 2)
    assert stepper.step()
    assert late.step == at + 1  # the second half of the same step
    finish(stepper, late)
    assert np.array_equal(late.frames(), wanted)


def test_nothing_that_is_heard_changes_where_less_is_computed(single: Model) -> None:
    quick = closed(make_sequence(single.config), 2, 1)
    exact = closed(make_sequence(single.config, published=True), 2, 1)
    frames = alone(single, quick)
    assert np.array_equal(frames, alone(single, exact))
    assert frames.shape[1] > 7
    assert not np.array_equal(quick.grid, exact.grid)


def test_a_prefix_is_the_same_in_one_pass_in_two_and_restored(single: Model, triple: Model) -> None:
    whole, late = closed(voiced(single), 2, 1, 2), voiced(triple)
    with watch(single, triple) as draws:
        wanted = alone(single, whole)
        stepper = Stepper(triple)
        stepper.admit(late)
        while stepper.step():
            pass
        assert 0 < late.prefilled < PLAN.frames
        kept = copy.copy(late)
        closed(late, 2, 1, 2)
        finish(stepper, late)

        again = closed(copy.copy(kept), 2, 1, 2)
        assert stepper.admit(again) == 1
        assert again.prefilled == 0
        finish(stepper, again)
    for each in (late, again):
        if draws.same(each, whole):
            assert np.array_equal(each.frames(), wanted)


def long_prefix(frames: int, same: int = 0) -> tuple[PrefixPlan, Codes]:
    """A prefix whose first frames are those of any other one, and that says its words late."""
    codes = np.random.default_rng(frames).integers(0, 60, (4, frames)).astype(np.int32)
    codes[:, :same] = np.arange(same) % 60
    return PrefixPlan(tuple(words(2, 1)), (frames - 12, frames - 6), frames), codes


def after(stepper: Stepper, prefix: tuple[PrefixPlan, Codes]) -> Codes:
    plan, codes = prefix
    sequence = closed(make_sequence(stepper.model.config, 3, prefix=plan, codes=codes), 2, 1, 2)
    slot = stepper.admit(sequence)
    finish(stepper, sequence)
    stepper.release(slot)
    return sequence.frames()


def test_what_was_heard_is_not_heard_again(single: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, other = long_prefix(80, same=80), long_prefix(90, same=70), long_prefix(60)
    wanted = [after(Stepper(single), prefix) for prefix in (first, second, other)]
    heard: list[int] = []
    prefill = single.prefill

    def counted(slot: int, columns: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        heard.append(int(positions[0]))
        return prefill(slot, columns, positions)

    monkeypatch.setattr(single, "prefill", counted)
    stepper = Stepper(single)
    for prefix, frames, begun in (
        (first, wanted[0], [0, 32, 64, 68]),  # what shows the script comes by itself
        (first, wanted[0], [68]),
        (second, wanted[1], [64, 78]),
        (first, wanted[0], [68]),
        (other, wanted[2], [0, 32, 48]),
        (second, wanted[1], [78]),
    ):
        heard.clear()
        assert np.array_equal(after(stepper, prefix), frames)
        assert heard == begun


def test_a_freed_slot_remembers_nothing(single: Model) -> None:
    wanted = alone(single, closed(make_sequence(single.config, 5), 2, 2))
    stepper = Stepper(single)
    slot = stepper.admit(closed(make_sequence(single.config, 6), 3, 1))
    for _ in range(12):
        stepper.step()
    stepper.release(slot)
    assert not stepper.step()
    again = closed(make_sequence(single.config, 5), 2, 2)
    stepper.admit(again)
    finish(stepper, again)
    assert np.array_equal(again.frames(), wanted)


def test_many_cancelled_takes_leave_nothing_behind(single: Model) -> None:
    stepper = Stepper(single)

    def speak(times: int) -> int:
        for seed in range(times):
            slot = stepper.admit(closed(make_sequence(single.config, seed), 2))
            for _ in range(3):
                stepper.step()
            stepper.release(slot)
        gc.collect()
        return sum(type(each) is torch.Tensor for each in gc.get_objects())

    assert speak(5) == speak(200)


def test_the_window_s_end_is_a_clean_stop(single: Model) -> None:
    sequence = closed(make_sequence(single.config), *[3] * 60)
    frames = alone(single, sequence)
    assert sequence.step == single.config.max_steps
    assert frames.shape[1] == single.config.max_steps + 1 - single.config.max_delay
    # As published there is one step more than there are positions.
    long = closed(voiced(single, published=True), *[3] * 60)
    assert long.start == PLAN.frames - 1
    alone(single, long)
    assert single.cache.filled == [single.config.max_steps + 1]


def test_more_sequences_than_slots(single: Model) -> None:
    stepper = Stepper(single)
    stepper.admit(make_sequence(single.config))
    with pytest.raises(TextToSpeechError, match="all 1 slots are speaking"):
        stepper.admit(make_sequence(single.config))


def test_guidance_needs_two_branches(folder: Path, single: Model) -> None:
    one = load_model(folder, branches=1)
    with pytest.raises(TextToSpeechError, match="without guidance: the scale must be 1"):
        Stepper(one).admit(make_sequence(one.config))
    plain = Sampling(scale=1.0)
    sequences = [closed(make_sequence(one.config, sampling=plain), 2, 1) for _ in range(2)]
    with watch(one, single) as draws:
        got, wanted = alone(one, sequences[0]), alone(single, sequences[1])
    if draws.same(*sequences):
        assert np.array_equal(got, wanted)


PIECES = ["[S1]", "[S2]", " ", "\n", "a", "hello", "it\u2019s", "one:two", "(laughs)", "<", "!"]
PIECES += ['<break time="0.2s"/>', '<break time="0.04s" />', "<break ti"]


@pytest.mark.long
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(PIECES), max_size=9), st.randoms(use_true_random=False))
def test_text_in_any_fragments_with_any_stalls_gives_the_same_grid(
    folder: Path, single: Model, pieces: list[str], chance: Random
) -> None:
    script = "".join(pieces)
    tokenizer = Tokenizer.from_folder(folder, single.config.new_word)
    whole = make_sequence(single.config, published=True)
    whole.machine.add(parse_script(script, tokenizer))
    whole.machine.close()
    alone(single, whole)

    sequence, parser = make_sequence(single.config, published=True), ScriptParser(tokenizer)
    stepper = Stepper(single)
    stepper.admit(sequence)
    while not sequence.finished:
        if stepper.step() and chance.random() < 0.7:
            continue
        if script:
            size = chance.randint(1, 6)
            sequence.machine.add(parser.feed(script[:size]))
            script = script[size:]
        elif not sequence.machine.closed:
            sequence.machine.add(parser.finish())
            sequence.machine.close()
    assert np.array_equal(sequence.grid, whole.grid)
    assert sequence.machine.transcript == whole.machine.transcript
