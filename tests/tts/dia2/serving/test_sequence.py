"""Tests of a sequence: what leaves when, the two ways to go on after a prefix, and waiting."""

import copy
import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.paths import GOLDENS
from tests.tts.dia2.networks import make_sequence, words
from tts import TextToSpeechError
from tts.dia2.network import config_json
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.delays import Codes, delay, undelay
from tts.dia2.serving.sequence import FLUSH, Sequence, Status
from tts.dia2.text.prefix import PrefixPlan

B8 = config_json.read(GOLDENS / "b8/config.json")  # delays from 2 to 5, one word ahead
C6 = config_json.read(GOLDENS / "c6/config.json")  # delays from 1 to 4, none ahead
PAD, NEW_WORD = 0, 1


class Voice:
    """A prefix of twelve frames with two words."""

    plan = PrefixPlan(tuple(words(2, 2)), (2, 6), 12)
    codes: Codes = np.arange(8 * 12, dtype=np.int32).reshape(8, 12) % 60


def step(sequence: Sequence, raw: int) -> bool:
    """One step that draws `raw` and, for every codebook, its number and the step."""
    sequence.action = raw
    if not sequence.decide():
        return False
    sequence.write(np.arange(sequence.config.codebooks, dtype=np.int32) * 1000 + sequence.step)
    return True


def run(sequence: Sequence, raws: Iterable[int]) -> list[tuple[Codes, list[tuple[str, int]]]]:
    """Step to the end, or as long as `raws` last: frames and words as they leave."""
    out = []
    for raw in raws:
        if sequence.finished:
            break
        assert step(sequence, raw)
        out.append((sequence.frames(), sequence.words()))
    return out


def said(out: list[tuple[Codes, list[tuple[str, int]]]]) -> tuple[Codes, list[tuple[str, int]]]:
    return np.concatenate([frames for frames, _ in out], 1), [w for _, new in out for w in new]


def ready(config: Dia2Config, *sizes: int, **options: Any) -> Sequence:
    """A sequence with all of its text."""
    sequence = make_sequence(config, **options)
    sequence.machine.add(words(*sizes))
    sequence.machine.close()
    return sequence


def test_a_frame_leaves_with_its_last_codebook() -> None:
    sequence = ready(B8, 2, 3)
    out = run(sequence, itertools.repeat(NEW_WORD))
    counts = [frames.shape[1] for frames, _ in out]
    assert counts == [0] * 4 + [1] * (len(out) - 4)  # the longest delay is 5
    frames, _ = said(out)
    assert frames[:, 3].tolist() == [n * 1000 + 3 + lag - 1 for n, lag in enumerate(B8.delays)]
    assert np.array_equal(frames, sequence.aligned)


def test_the_end_comes_when_the_last_words_have_sounded() -> None:
    sequence = ready(B8, 2)
    out = run(sequence, itertools.repeat(NEW_WORD))
    end = sequence.machine.end_step
    assert end is not None
    assert sequence.step == end + B8.max_delay + FLUSH
    assert said(out)[0].shape[1] == end + 7


def test_words_leave_in_the_step_that_takes_them() -> None:
    sequence = ready(B8, 2, 0, 3)
    out = run(sequence, itertools.repeat(NEW_WORD))
    taken = dict(sequence.machine.transcript)
    assert taken.keys() == {"word0", "word2"}
    for n, (_, new) in enumerate(out):
        assert new == [(text, n) for text, at in taken.items() if at == n]


def test_the_window_ends_the_take() -> None:
    sequence = ready(replace(B8, max_steps=20), *[3] * 20)
    run(sequence, itertools.repeat(NEW_WORD))
    assert sequence.step == 20
    assert sequence.aligned.shape[1] == 21 - B8.max_delay


def test_a_word_waits_for_the_one_after_it() -> None:
    sequence = make_sequence(B8)
    assert step(sequence, NEW_WORD)  # the initial padding: nothing can start yet
    assert step(sequence, NEW_WORD)
    sequence.machine.add(words(2))
    assert not step(sequence, NEW_WORD)
    assert sequence.status is Status.STARVED
    assert not sequence.decide()
    sequence.machine.add(words(2))
    assert sequence.decide()
    assert sequence.status is not Status.STARVED
    assert sequence.machine.transcript == [("word0", 2)]


def test_a_wait_can_be_given_up() -> None:
    sequence = make_sequence(B8, initial_padding=0)
    assert not step(sequence, NEW_WORD)
    sequence.pause()
    assert sequence.decide()
    assert sequence.text == (B8.pad, B8.pad)
    assert sequence.machine.end_step is None
    sequence.write(np.zeros(8, np.int32))
    sequence.pause()  # nothing to give up
    sequence.machine.add(words(1, 1))
    assert step(sequence, NEW_WORD)
    assert sequence.machine.transcript == [("word0", 1)]


def test_without_a_look_ahead_the_silence_before_the_first_word_is_cropped() -> None:
    sequence = ready(C6, 2, 2, published=True, initial_padding=2)
    out = run(sequence, [PAD] * 2 + [NEW_WORD] * 100)
    assert sequence.machine.transcript[0][1] == 2
    assert sequence.crop == 0
    late = ready(C6, 2, 2, initial_padding=2)
    late.machine.padding_budget = 9
    out = run(late, [PAD] * 7 + [NEW_WORD] * 100)
    frames, spoken = said(out)
    assert late.crop == 5
    assert np.array_equal(frames, late.aligned[:, 5:])
    assert spoken[0] == ("word0", 2)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("published", [True, False])
def test_a_prefix(published: bool, keep: bool) -> None:
    sequence = ready(
        B8, 2, 2, prefix=Voice.plan, codes=Voice.codes, keep_prefix=keep, published=published
    )
    assert sequence.status is Status.PREFILL
    columns = np.concatenate((sequence.prefill(256), sequence.prefill(256)))
    assert sequence.status is not Status.PREFILL
    assert columns.shape == (12, 2, 10)
    delayed = delay(Voice.codes, B8.delays, B8.audio_pad)
    for at, column in enumerate(columns):
        heard = [delayed[n, at] if at >= lag else B8.audio_bos for n, lag in enumerate(B8.delays)]
        assert column[0, 2:].tolist() == column[1, 2:].tolist() == heard
        assert column[1, :2].tolist() == [B8.zero, B8.pad]
    assert columns[3, 0, :2].tolist() == [20, B8.new_word]
    frames, spoken = said(run(sequence, itertools.repeat(NEW_WORD)))
    assert sequence.start == (11 if published else 12)
    crop = 0 if keep else sequence.start
    assert sequence.crop == crop
    assert np.array_equal(frames, undelay(sequence.grid, B8.delays, crop))
    expected = sequence.machine.transcript if keep else sequence.machine.transcript[2:]
    assert spoken == [(text, at - crop) for text, at in expected]
    assert np.array_equal(sequence.aligned[:, :7], Voice.codes[:, :7])
    kept = np.array_equal(sequence.aligned[:, :12], Voice.codes)
    assert kept is not published  # the published runtime invents the tail again


def test_what_nothing_reads_is_not_computed() -> None:
    plain, voiced = (
        ready(B8, 2, 2),
        ready(B8, 2, 2, prefix=Voice.plan, codes=Voice.codes),
    )
    while voiced.status is Status.PREFILL:
        voiced.prefill(256)
    for sequence, first in ((plain, 2), (voiced, 14)):
        needed = []
        while not sequence.finished:
            needed.append((sequence.step + 1, sequence.needs_audio))
            assert step(sequence, PAD)
        assert all(need is (column >= first) for column, need in needed)
        assert needed[-1][1]
    assert ready(B8, 2, published=True).needs_audio


def test_the_end_of_a_prefix_waits_for_the_first_words() -> None:
    sequence = make_sequence(B8, prefix=Voice.plan, codes=Voice.codes)
    first = sequence.prefill(256)
    assert len(first) == 6  # the second word, at step 6, shows the script's first ahead
    assert sequence.status is Status.PREFILL
    assert len(sequence.prefill(256)) == 0
    sequence.machine.add(words(1))  # the next one ahead
    branch = copy.copy(sequence)
    for each in (sequence, branch):
        each.machine.add(words(1))
        each.machine.close()
        assert len(each.prefill(256)) == 6
        run(each, itertools.repeat(NEW_WORD))
    assert np.array_equal(sequence.grid, branch.grid)


def test_a_copy_goes_its_own_way() -> None:
    sequence = ready(B8, 2, 2)
    run(sequence, [NEW_WORD] * 4)
    other = copy.copy(sequence)
    run(other, [NEW_WORD] * 5)
    assert (sequence.step, other.step) == (4, 9)
    assert sequence.grid.shape[1] == 5
    assert len(sequence.machine.transcript) < len(other.machine.transcript)


def test_a_prefix_that_fills_the_window() -> None:
    plan, codes = PrefixPlan((), (), 150), np.zeros((8, 150), np.int32)
    with pytest.raises(TextToSpeechError, match="a voice of 150 frames leaves no room in 150"):
        make_sequence(B8, prefix=plan, codes=codes)
