"""Utterances that are longer than a window: no word and no frame is lost or comes twice."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.dia2_verify.published import PublishedGeneration
from tests.tts.dia2.serving.utterances import checkpoint, make_voice, settings, speak
from tts.dia2.generate import Generation
from tts.dia2.serving.prepare import load
from tts.dia2.serving.sequence import Status
from tts.dia2.serving.windows import Prefix, Window
from tts.dia2.text.prefix import PrefixPlan
from tts.dia2.text.script import ScriptParser

torch.set_num_threads(1)  # these networks are too small to share out

NOTHING = Prefix(PrefixPlan((), (), 0), np.zeros((3, 0), np.int32))
LONG = " ".join(f"Number {n} comes {'after' if n % 3 else 'now.'}" for n in range(12))


@pytest.mark.parametrize("voice", [False, True])
def test_a_reply_longer_than_the_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, voice: bool
) -> None:
    small = checkpoint(tmp_path, max_steps=110 if voice else 60)
    prepared = load(settings(small))
    if voice:
        make_voice(prepared, frames=30).save(tmp_path / "voice.safetensors")
        prepared = load(settings(small, voice=str(tmp_path / "voice.safetensors")))
    bundle = prepared.bundle
    positions: list[int] = []
    step, prefill = bundle.model.step, bundle.model.prefill

    def watched_step(columns: Tensor, at: Tensor, active: list[bool]) -> Tensor:
        positions.extend(at.tolist())
        return step(columns, at, active)

    def watched_prefill(slot: int, columns: Tensor, at: Tensor) -> Tensor:
        positions.extend(at.tolist())
        return prefill(slot, columns, at)

    monkeypatch.setattr(bundle.model, "step", watched_step)
    monkeypatch.setattr(bundle.model, "prefill", watched_prefill)
    spoken = speak(prepared, LONG)
    assert len(spoken.speech) > 2 * bundle.config.max_steps
    assert max(positions) < bundle.config.max_steps
    # Every word once, in order, in the piece that it starts in.
    assert " ".join(word.text for word in spoken.words) == LONG
    starts = [word.start for word in spoken.words]
    assert starts == sorted(set(starts))
    # One stream of audio: the codec never starts anew.
    assert np.abs(spoken.pcm - bundle.mimi.decode(spoken.codes).numpy()).max() < 1e-4


@pytest.mark.long
def test_up_to_the_cut_it_is_what_a_larger_window_says(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "large").mkdir()
    large = load(settings(checkpoint(tmp_path / "large", max_steps=600)))
    small = load(settings(checkpoint(tmp_path / "small", max_steps=60)))
    expected, spoken = speak(large, LONG), speak(small, LONG)
    same = (expected.codes[:, :60] == spoken.codes[:, :60]).all(0)
    # The window can be cut from frame 29 on, and must be by frame 43.
    cut = int(np.flatnonzero(~same)[0])
    assert 29 <= cut <= 43
    # There a word begins, after a sentence if there was one.
    assert cut * 1920 in [word.start for word in expected.words]


def window(tmp_path: Path, text: str, steps: int = 60) -> Window:
    """A window of a text, all steps of which were made; their audio is all zeros."""
    prepared = load(settings(checkpoint(tmp_path, max_steps=steps)))
    sequence = Window(
        prepared.bundle.config,
        NOTHING,
        bos=1,
        uniforms=torch.zeros(1),
        sampling=prepared.voice_settings.sampling,
    )
    parser = ScriptParser(prepared.bundle.tokenizer)
    sequence.add((*parser.feed(text), *parser.finish()))
    sequence.machine.close()
    return sequence


def advance(sequence: Window) -> int | None:
    """Make steps until the cut is due or the window has finished."""
    while not sequence.finished:
        sequence.action = 1
        assert sequence.decide()
        sequence.write(np.zeros(sequence.config.codebooks, np.int32))
        if (cut := sequence.cut()) is not None:
            return cut
    return None


def test_what_fits_in_is_not_cut(tmp_path: Path) -> None:
    sequence = window(tmp_path, "ab ab ab ab ab ab")
    assert advance(sequence) is None
    assert sequence.step < 60


def test_what_just_fits_in_is_not_cut(tmp_path: Path) -> None:
    sequence = window(tmp_path, "ab ab ab ab ab ab ab", steps=200)
    assert advance(sequence) is None
    exact = sequence.step
    (tmp_path / "exact").mkdir()
    assert advance(window(tmp_path / "exact", "ab ab ab ab ab ab ab", steps=exact)) is None
    (tmp_path / "less").mkdir()
    assert advance(window(tmp_path / "less", "ab ab ab ab ab ab ab", steps=exact - 1)) is not None


def test_it_is_cut_after_a_sentence(tmp_path: Path) -> None:
    sequence = window(tmp_path, "ab " * 10 + "ab. " + "ab " * 20)
    cut = advance(sequence)
    assert cut is not None
    words = sequence.machine.transcript
    number = [step for _, step in words].index(cut)
    assert words[number - 1][0] == "ab."
    assert sequence.complete == cut + 1  # as soon as the frame is there that must not leave


def test_without_one_it_is_cut_as_late_as_can_be(tmp_path: Path) -> None:
    sequence = window(tmp_path, "ab " * 30)
    cut = advance(sequence)
    assert cut == max(step for _, step in sequence.machine.transcript if step <= 43)


def test_in_a_long_pause_it_is_cut_at_the_end(tmp_path: Path) -> None:
    sequence = window(tmp_path, 'ab ab <break time="6s"/> ab')
    assert advance(sequence) == 43
    following, rest = sequence.following(43, NOTHING, ())
    assert [entry.text for entry in rest] == ["ab"]
    assert not following.plan.entries
    assert following.plan.frames == 10


def test_what_the_next_window_hears(tmp_path: Path) -> None:
    sequence = window(tmp_path, "[S2] " + "ab " * 60, steps=200)
    cut = advance(sequence)
    assert cut is not None
    first, second = sequence.given[0].tokens[:2]
    following, rest = sequence.following(cut, NOTHING, (first, second))
    plan = following.plan
    # The audio of the last words before the cut, and these words, the first after its tag.
    assert plan.frames == following.codes.shape[1] <= 46
    assert plan.entries[0].tokens == (second, *sequence.given[-1].tokens)
    assert {entry.tokens for entry in plan.entries[1:]} == {sequence.given[-1].tokens}
    steps = [step for _, step in sequence.machine.transcript if step < cut]
    kept = steps[-len(plan.entries) :]
    assert list(plan.new_word_steps) == [0, *(step - kept[0] + 1 for step in kept[1:])]
    assert plan.frames == cut - kept[0] + 1
    # All other words are left.
    assert len(rest) == 60 - len(steps)


@pytest.mark.parametrize("pads", [0, 5])
def test_without_a_look_ahead_no_frame_is_lost_or_comes_twice(tmp_path: Path, pads: int) -> None:
    prepared = load(settings(checkpoint(tmp_path, max_steps=60, ahead=0)))
    prefix = Prefix(PrefixPlan((), (), 10), np.zeros((3, 10), np.int32), mid_speech=True)
    sequence = Window(
        prepared.bundle.config,
        prefix,
        bos=1,
        uniforms=torch.zeros(1),
        sampling=prepared.voice_settings.sampling,
    )
    sequence.machine.add(ScriptParser(prepared.bundle.tokenizer).feed("ab ab "))
    sequence.machine.close()
    while sequence.status is Status.PREFILL:
        sequence.prefill(256)
    sequence.machine.padding_budget = 9
    for number in range(30):
        sequence.action = int(number >= pads)
        assert sequence.decide()
        sequence.write(np.zeros(3, np.int32))
    # A window of itself would begin two frames before its first word.
    assert sequence.machine.transcript[0][1] == 10 + pads
    assert sequence.crop == 10
    assert sequence.words()[0] == ("ab", pads)


def test_the_silence_at_the_beginning_is_as_long_as_it_is_to_be(tmp_path: Path) -> None:
    prepared = load(settings(checkpoint(tmp_path, ahead=0)))
    for padding in (0, 4):
        ours, published = (
            way(prepared.bundle, "Well then.", seed=1, initial_padding=padding).run()
            for way in (Generation, PublishedGeneration)
        )
        assert [text for text, _ in ours.words] == ["Well", "then."]
        assert ours.words == published.words
