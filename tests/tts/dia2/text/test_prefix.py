"""Tests of the voice prefix: the reference's plans, and that ours loses no word."""

import copy
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from bench.dia2_verify.published import published_plan, words_to_entries
from tests.paths import GOLDENS
from tts import TextToSpeechError
from tts.dia2.network import config_json
from tts.dia2.text.prefix import Part, frames_needed, plan, prefill_text
from tts.dia2.text.script import Entry, parse_script
from tts.dia2.text.state_machine import StateMachine
from tts.dia2.text.tokenizer import Tokenizer
from tts.voices.word import Word

SETS = ["a32", "b8", "c6"]
TOKENIZERS = {name: Tokenizer.from_folder(GOLDENS / name / "tokenizer", 2) for name in SETS}
A32 = TOKENIZERS["a32"]


def load(name: str) -> Any:
    return json.loads((GOLDENS / name).read_text(encoding="utf-8"))


def entries(items: Sequence[dict[str, Any]]) -> list[Entry]:
    return [Entry(tuple(item["tokens"]), item["text"], item["padding"]) for item in items]


def words(items: Sequence[tuple[str, float, float]]) -> tuple[Word, ...]:
    return tuple(Word(*item) for item in items)


@pytest.mark.parametrize("name", SETS)
def test_entries_of_recorded_words(name: str) -> None:
    for case in load(f"{name}/prefix_plan.json")["words_to_entries"]:
        got, steps = words_to_entries(
            words(case["words"]), TOKENIZERS[name], case["speaker_token"], case["frame_rate"]
        )
        assert got == entries(case["entries"])
        assert steps == case["new_word_steps"]


@pytest.mark.parametrize("name", SETS)
def test_reference_plans(name: str) -> None:
    codes = load_file(GOLDENS / name / "prefix_plan.safetensors")
    for case in load(f"{name}/prefix_plan.json")["plans"]:
        audio = [
            codes[key] for speaker in (1, 2) if (key := f"plan{case['id']}_codes{speaker}") in codes
        ]
        texts = [words(case[key]) for key in ("words1", "words2") if case[key] is not None]
        parts = [
            Part(speaker, text, clip.shape[1])
            for speaker, (text, clip) in enumerate(zip(texts, audio, strict=True))
        ]
        got = published_plan(parts, TOKENIZERS[name])
        assert list(got.entries) == entries(case["entries"])
        assert list(got.new_word_steps) == case["new_word_steps"]
        aligned = codes[f"plan{case['id']}_aligned"]
        assert got.frames == case["aligned_frames"]
        np.testing.assert_array_equal(np.concatenate(audio, 1), aligned)


def test_the_reference_takes_one_or_two_speakers() -> None:
    one, two = Part(0, (), 5), Part(1, (), 4)
    assert published_plan([], A32).frames == 0
    for parts in ([two], [two, one], [one, two, one]):
        with pytest.raises(TextToSpeechError, match=r"\[S2\] needs one for \[S1\]"):
            published_plan(parts, A32)


PREFIXED = [path for path in sorted(GOLDENS.glob("*/trace_*.json")) if "prefix" in path.name]


@pytest.mark.parametrize("path", PREFIXED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_recorded_warm_ups(path: Path) -> None:
    trace = json.loads(path.read_text(encoding="utf-8"))
    config = config_json.read(path.parent / "config.json")
    tokenizer = TOKENIZERS[path.parent.name]
    parts = [
        Part(number, words(speaker["words"]), math.ceil(speaker["seconds"] * 12.5))
        for number, speaker in enumerate(trace["prefix"]["speakers"])
    ]
    got = published_plan(parts, tokenizer)
    assert list(got.entries) == entries(trace["prefix"]["entries"])
    assert list(got.new_word_steps) == trace["prefix"]["new_word_steps"]
    assert got.frames == trace["prefix"]["aligned_frames"] == trace["warmup_steps"]

    machine = StateMachine(config.new_word, config.pad, config.ahead)
    machine.add(got.entries)
    shown = prefill_text(machine, got)  # what is the same for every script
    machine = copy.copy(machine)
    machine.add(parse_script(trace["script"], tokenizer))
    machine.close()
    shown += prefill_text(machine, got, len(shown))
    rows = trace["machine"][: trace["warmup_steps"]]
    assert shown == [(row["main"], row["second"]) for row in rows]
    assert machine.consumption_times == [row["step"] for row in rows if row["consumed"]]


TIMED = st.builds(
    lambda text, start, length: Word(text, start, start + length),
    st.sampled_from(["Hello", "supercalifragilistic", "12:30", "it’s", "a", " so ", ":", "日本"]),
    st.floats(0, 4),
    st.floats(-0.1, 1),
)
CLIPS = st.lists(
    st.tuples(st.integers(0, 1), st.lists(TIMED, max_size=8), st.integers(0, 20)),
    min_size=1,
    max_size=4,
)


@given(CLIPS, st.sampled_from(SETS), st.integers(0, 3), st.sampled_from(["", "Yes, we do go."]))
def test_every_word_is_taken_and_shown_before_the_prefix_ends(
    clips: list[tuple[int, list[Word], int]], name: str, ahead: int, script: str
) -> None:
    tokenizer = TOKENIZERS[name]
    parts = [
        Part(speaker, tuple(said), frames_needed(said, tokenizer, speaker) + more)
        for speaker, said, more in clips
    ]
    got = plan(parts, tokenizer)
    assert got.frames == sum(part.frames for part in parts)
    machine = StateMachine(2, 3, ahead)
    machine.add(got.entries)
    shown = prefill_text(machine, got)
    machine.add(parse_script(script, tokenizer))
    machine.close()
    shown += prefill_text(machine, got, len(shown))
    assert len(shown) == got.frames
    assert machine.consumption_times == list(got.new_word_steps)
    assert not machine.pending
    said = [text for _, words, _ in clips for word in words for text in spelled(word)]
    assert [text for text, _ in machine.transcript] == said


def spelled(word: Word) -> list[str]:
    return word.text.replace("’", "'").replace(":", " ").split()


@given(CLIPS.filter(lambda clips: any(spelled(word) for _, said, _ in clips for word in said)))
def test_a_clip_that_is_too_short_says_how_much_is_missing(
    clips: list[tuple[int, list[Word], int]],
) -> None:
    parts = [Part(speaker, tuple(said), 0) for speaker, said, _ in clips]
    with pytest.raises(TextToSpeechError, match=r"add (\d+\.\d\d) s of silence") as caught:
        plan(parts, A32)
    missing = round(float(str(caught.value).split(" add ")[1].split()[0]) * 12.5)
    last = Part(parts[-1].speaker, (), missing)
    assert plan([*parts, last], A32).frames == missing
    with pytest.raises(TextToSpeechError):
        plan([*parts, replace(last, frames=missing - 1)], A32)


def test_both_speakers_are_shifted_by_three_steps() -> None:
    said = words([("Hello", 0.2, 0.6), ("there", 1.6, 2.0)])
    part = Part(0, said, frames_needed(said, A32, 0))
    assert plan([part], A32).new_word_steps == published_plan([part], A32).new_word_steps
    assert part.frames == math.ceil((2.0 + 0.6) * 12.5)
    both = plan([part, replace(part, speaker=1)], A32)
    assert both.new_word_steps[2] - part.frames == both.new_word_steps[0]
    assert both.entries[2].tokens[0] == 313


def test_without_words_only_the_audio_counts() -> None:
    got = plan([Part(0, (), 7)], A32)
    assert (got.entries, got.new_word_steps, got.frames) == ((), (), 7)
    assert frames_needed((), A32, 0) == 0
    assert len(prefill_text(StateMachine(2, 3, 2), got)) == 7


def test_the_reference_loses_words_that_ours_keeps() -> None:
    said = words([("Wonderful", 0.0, 0.1), ("synthesis", 0.1, 0.2), ("vacation", 0.2, 0.3)])
    part = Part(0, said, 14)
    lost = published_plan([part], A32)
    machine = StateMachine(2, 3, 2)
    machine.add(lost.entries)
    machine.close()
    prefill_text(machine, lost)
    assert len(machine.queue) == 1
    with pytest.raises(TextToSpeechError, match=r"do not fit into its 1\.1 s"):
        plan([part], A32)


def test_words_left_in_the_queue_are_noticed() -> None:
    claimed = replace(published_plan([Part(0, words([("Hello", 1.0, 1.2)]), 8)], A32), drains=True)
    machine = StateMachine(2, 3, 0)
    machine.add(claimed.entries)
    with pytest.raises(AssertionError, match="left in the queue"):
        prefill_text(machine, claimed)


def test_a_word_without_a_time_is_refused() -> None:
    with pytest.raises(TextToSpeechError, match="'Hello' has no time"):
        Word("Hello", math.nan, 1.0)
