"""Utterances stepped by hand: the same as offline, however the text and the neighbours come."""

import gc
import math
import random
from dataclasses import replace
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from tests.tts.dia2.serving.utterances import (
    TEXT,
    Listening,
    checkpoint,
    fragments,
    make_voice,
    run,
    settings,
    speak,
)
from tts.dia2.generate import Generation
from tts.dia2.serving.admission import Admission
from tts.dia2.serving.prepare import Prepared, load
from tts.dia2.serving.scheduler import Scheduler
from tts.dia2.text.script import parse_script
from tts.protocol import TextToSpeechError

torch.set_num_threads(1)  # these networks are too small to share out


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def prepared(model: Path) -> Prepared:
    return unhurried(load(settings(model, slots=3)))


def unhurried(prepared: Prepared) -> Prepared:
    """As many speak as there are slots, however busy this machine is."""
    prepared.scheduler.admission = Admission(math.inf)
    return prepared


def stream(prepared: Prepared, text: str, seed: int, chance: random.Random) -> Listening:
    """The text in random pieces, with steps between them until it waits, or fewer."""
    utterance = Listening(prepared, seed)
    prepared.scheduler.open(utterance)
    for fragment in fragments(text, chance):
        for _ in range(chance.choice((0, 1, 3, 100))):
            if not prepared.scheduler.step():
                break
            utterance.listen()
        utterance.feed(fragment)
    utterance.finish()
    run(prepared, utterance)
    return utterance


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_a_stream_says_what_is_said_offline(prepared: Prepared, seed: int) -> None:
    whole = Generation(prepared.bundle, TEXT, seed=seed).run()
    streamed = stream(prepared, TEXT, seed, random.Random(seed))
    assert np.array_equal(streamed.codes, whole.audio_tokens)
    assert len(streamed.pcm) == len(whole.waveform)
    assert np.abs(streamed.pcm - whole.waveform).max() < 1e-4


@pytest.mark.long
@pytest.mark.parametrize("ahead", [0, 1])
@pytest.mark.parametrize("delays", [None, [1, 3, 2]])
def test_other_configurations(tmp_path: Path, ahead: int, delays: list[int] | None) -> None:
    prepared = load(settings(checkpoint(tmp_path, ahead=ahead, delays=delays)))
    text = TEXT + ' <break time="0.6s"/> [S2] And this.'
    whole = Generation(prepared.bundle, text, seed=3).run()
    streamed = stream(prepared, text, 3, random.Random(1))
    assert np.array_equal(streamed.codes, whole.audio_tokens)
    assert np.abs(streamed.pcm - whole.waveform).max() < 1e-4


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Windows of under five seconds."""
    folder = tmp_path_factory.mktemp("short")
    made = load(settings(checkpoint(folder, codebooks=2, delays=[3, 5], max_steps=60), slots=2))
    return unhurried(made)


WORDS = ["the", "of.", "speak", "10:30", "don’t", "(laughs)", "-", "disestablish"]
MARKS = ["[S1]", "[S2]", ":", "<br", '<break time="0.4s"/>', '<break time="2s"/>']


@hypothesis.settings(max_examples=15, deadline=None, derandomize=True)
@hypothesis.given(
    st.lists(st.sampled_from(WORDS + MARKS), min_size=1, max_size=20),
    st.integers(0, 1000),
)
@pytest.mark.long
def test_any_text_however_it_comes(short: Prepared, pieces: list[str], seed: int) -> None:
    text = "so " + " ".join(pieces)
    whole = Generation(short.bundle, text, seed=9).run()
    streamed = stream(short, text, 9, random.Random(seed))
    assert np.array_equal(streamed.codes, whole.audio_tokens)
    assert np.abs(streamed.pcm - whole.waveform).max() < 1e-4
    said = " ".join(word.text for word in streamed.words).split()
    left = text.split()[len(said) :]
    assert said == text.split()[: len(said)]
    assert not [entry for entry in parse_script(left, short.bundle.tokenizer) if entry.tokens]


def test_words_start_in_the_frame_that_brings_them(prepared: Prepared) -> None:
    whole = Generation(prepared.bundle, TEXT, seed=1).run()
    spoken = speak(prepared, TEXT)
    at = 0
    for speech in spoken.speech:
        assert len(speech.pcm) == 1920
        for word in speech.words:
            assert at <= word.start < at + len(speech.pcm)
        at += len(speech.pcm)
    assert " ".join(word.text for word in spoken.words) == TEXT
    # Offline "text:" is two words, and the colon is gone.
    times = {text: round(24000 * seconds) for text, seconds in whole.words}
    for word in spoken.words:
        assert word.start == times[word.text.strip(":")]


def test_frames_leave_as_soon_as_they_are_complete(prepared: Prepared) -> None:
    utterance = Listening(prepared)
    prepared.scheduler.open(utterance)
    utterance.feed("One two three four five six seven eight nine ten eleven twelve thirteen.")
    utterance.finish()
    for step in range(1, 40):
        assert prepared.scheduler.step()
        utterance.listen()
        assert len(utterance.speech) == max(0, step - 17)
    prepared.scheduler.close(utterance)


def test_beside_others_it_says_the_same(prepared: Prepared) -> None:
    texts = [TEXT, "Something else altogether, and shorter.", "The third one is the last."]
    alone = [speak(prepared, text, seed) for seed, text in enumerate(texts)]
    together = [Listening(prepared, seed) for seed in range(3)]
    for late, (utterance, text) in enumerate(zip(together, texts, strict=True)):
        prepared.scheduler.open(utterance)
        utterance.feed(text)
        utterance.finish()
        for _ in range(7 * late):
            prepared.scheduler.step()
            for each in together[: late + 1]:
                each.listen()
    run(prepared, *together)
    for one, beside in zip(alone, together, strict=True):
        assert np.array_equal(one.codes, beside.codes)
        assert np.abs(one.pcm - beside.pcm).max() < 1e-4
        assert one.words == beside.words


def test_who_finds_no_slot_waits_in_turn(prepared: Prepared) -> None:
    order: list[int] = []
    utterance = [Listening(prepared, seed) for seed in range(6)]
    for each in utterance:
        prepared.scheduler.open(each)
        each.feed("A few words.")
        each.finish()
    prepared.scheduler.close(utterance[4])  # has had enough of waiting
    while len(order) < 5:
        prepared.scheduler.step()
        for number, each in enumerate(utterance):
            each.listen()
            if each.speech and number not in order:
                order.append(number)
    assert sorted(order[:3]) == [0, 1, 2]
    assert sorted(order[3:]) == [3, 5]
    run(prepared, *(each for each in utterance if each is not utterance[4]))


def test_a_listener_who_is_behind_holds_the_utterance_up(prepared: Prepared) -> None:
    reference = speak(prepared, TEXT)
    utterance = Listening(prepared)
    prepared.scheduler.open(utterance)
    utterance.feed(TEXT)
    utterance.finish()
    while prepared.scheduler.step():
        assert len(utterance.speech) <= 12
    assert len(utterance.speech) == 12
    run(prepared, utterance)
    assert np.array_equal(utterance.codes, reference.codes)


def test_leaving_frees_the_slot_at_once(prepared: Prepared) -> None:
    utterance = [Listening(prepared, seed) for seed in range(4)]
    for each in utterance:
        prepared.scheduler.open(each)
        each.feed(TEXT)
    for _ in range(10):
        prepared.scheduler.step()
    assert len(prepared.scheduler.open_ones) == 4
    prepared.scheduler.close(utterance[1])
    prepared.scheduler.step()
    assert len(prepared.scheduler.open_ones) == 3
    assert utterance[3].window.step == 1  # it has begun
    for each in utterance:
        prepared.scheduler.close(each)
    assert not prepared.scheduler.step()
    assert prepared.bundle.model.cache.filled == [0, 0, 0]


@pytest.mark.parametrize("text", ["", "   ", "[S1] [S2]", '<break time="0.1s"/>', " … - !"])
def test_without_a_word_nothing_is_said(prepared: Prepared, text: str) -> None:
    spoken = speak(prepared, text)
    assert spoken.items == [None]
    assert not prepared.scheduler.open_ones


def test_a_bad_pause_ends_the_utterance_only(prepared: Prepared) -> None:
    utterance = Listening(prepared)
    prepared.scheduler.open(utterance)
    with pytest.raises(TextToSpeechError, match="cannot read the seconds of a pause"):
        utterance.feed('Now <break time="1x5s"/> then')
    prepared.scheduler.close(utterance)
    assert speak(prepared, "A word.").done


def test_strange_texts_are_spoken(prepared: Prepared) -> None:
    text = "Żółć 漢字 🙂 <|im_end|> [S3] ((( <break> \x00 \ud83d"
    assert speak(prepared, text).words


def test_an_endless_word_is_an_error(prepared: Prepared) -> None:
    utterance = Listening(prepared)
    with pytest.raises(TextToSpeechError, match="too long"):
        utterance.feed("x" * 100_000 + " ")


def test_a_voice_is_heard_once_and_restored_every_time(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = make_voice(load(settings(model)))
    voice.save(tmp_path / "voice.safetensors")
    prepared = load(settings(model, voice=str(tmp_path / "voice.safetensors"), slots=2))
    whole_voice = prepared.prefilled.prefix.plan.frames
    whole = Generation(prepared.bundle, TEXT, voices=[voice], seed=5).run()
    heard: list[int] = []
    prefill = prepared.bundle.model.prefill

    def counted(slot: int, columns: Tensor, positions: Tensor) -> Tensor:
        heard.append(len(columns))
        return prefill(slot, columns, positions)

    monkeypatch.setattr(prepared.bundle.model, "prefill", counted)
    for number in range(3):
        streamed = stream(prepared, TEXT, 5, random.Random(number))
        assert np.array_equal(streamed.codes, whole.audio_tokens)
        assert np.abs(streamed.pcm - whole.waveform).max() < 1e-4
    # The last words of the voice come with the first of the text: what is before is restored.
    restored = prepared.prefilled.window.common
    assert restored > 0
    assert sum(heard) == 3 * (whole_voice - restored)


def test_a_voice_must_leave_room(model: Path, tmp_path: Path) -> None:
    voice = make_voice(load(settings(model)), frames=250)
    voice.save(tmp_path / "voice.safetensors")
    with pytest.raises(TextToSpeechError, match="20 s long, this model can take 15 s"):
        load(settings(model, voice=str(tmp_path / "voice.safetensors")))


def test_starved_it_says_what_it_has_and_pauses(model: Path) -> None:
    clock = 100.0
    prepared = load(settings(model, starve="pad"))
    prepared = replace(prepared, scheduler=Scheduler(prepared.bundle, lambda: clock))
    utterance = Listening(prepared)
    prepared.scheduler.open(utterance)
    utterance.feed("One two three four ")
    while prepared.scheduler.step():
        utterance.listen()
    held = len(utterance.speech)  # "one" and "two" have been taken, perhaps not heard
    assert prepared.scheduler.due() >= clock + 0.1
    while (due := prepared.scheduler.due()) < 1e9:
        assert due > clock
        clock = due
        assert prepared.scheduler.step()
        while prepared.scheduler.step():
            pass
        utterance.listen()
    assert [word.text for word in utterance.words] == ["One", "two"]
    assert len(utterance.speech) >= held + 18  # all that was taken is out
    assert len(utterance.speech) <= held + 18 + 24
    utterance.feed("five six seven.")
    utterance.finish()
    run(prepared, utterance)
    assert " ".join(word.text for word in utterance.words) == "One two three four five six seven."


@pytest.mark.long
def test_memory_stays_flat(tmp_path: Path) -> None:
    prepared = load(settings(checkpoint(tmp_path, codebooks=2, delays=[1, 2]), cfg=1.0))

    def utterance(number: int) -> None:
        utterance = Listening(prepared)
        prepared.scheduler.open(utterance)
        utterance.feed("Some text that goes on and on. ")
        for _ in range(2 + number % 3):
            prepared.scheduler.step()
            utterance.listen()
        prepared.scheduler.close(utterance)

    for number in range(20):
        utterance(number)
    gc.collect()
    objects, resident = len(gc.get_objects()), _resident()
    for number in range(200):
        utterance(number)
    gc.collect()
    assert len(gc.get_objects()) - objects < 100
    assert _resident() - resident < 8 << 20


def _resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
