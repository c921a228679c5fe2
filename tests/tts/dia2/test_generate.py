"""Whole scripts offline: as published, as a stream of them, beyond the window, bad text."""

import json
import shutil
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from bench.dia2_verify import published
from bench.dia2_verify.published import PublishedGeneration
from tests import tiny_dia2
from tests.paths import GOLDENS
from tests.tts.dia2.serving.utterances import settings, speak
from tts import TextToSpeechError
from tts.dia2 import Dia2, Sampling
from tts.dia2.generate import LARGEST_SEED, Generation
from tts.dia2.serving.prepare import load
from tts.voices.making import from_result
from tts.voices.voice import Voice, signature
from tts.voices.word import Word

SCRIPT = "[S1] Hello there, how are you? [S2] Fine (laughs) and you?"
WORDS = ["Hello", "there,", "how", "are", "you?", "Fine", "(laughs)", "and", "you?"]


@pytest.fixture(scope="module")
def dia2(tmp_path_factory: pytest.TempPathFactory) -> Dia2:
    return Dia2.load(tiny_dia2.make(tmp_path_factory.mktemp("dia2"), codebooks=4))


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a window of seven seconds."""
    return tiny_dia2.make(tmp_path_factory.mktemp("narrow"), codebooks=3, max_steps=90)


def test_a_script_becomes_speech(dia2: Dia2) -> None:
    steps: list[tuple[int, int | None]] = []
    result = dia2.generate(SCRIPT, seed=1, progress=lambda *step: steps.append(step))
    codebooks, frames = result.audio_tokens.shape
    assert codebooks == 4
    assert result.sample_rate == 24000
    assert result.waveform.dtype == np.float32
    assert result.waveform.shape == (1920 * frames,)
    assert 0.01 < result.waveform.std() < np.abs(result.waveform).max() <= 1
    assert [text for text, _ in result.words] == WORDS
    times = [at for _, at in result.words]
    assert times == sorted(set(times))
    assert 0 <= times[0] < times[-1] < frames / 12.5
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == ((0, 9), (9, 9))


def test_lines_are_one_script(dia2: Dia2) -> None:
    lines = ["  [S1] Hello there, how are you?", "[S2] Fine (laughs) and you?\n"]
    one, other = dia2.generate(lines, seed=1), dia2.generate("\n".join(lines), seed=1)
    assert np.array_equal(one.waveform, other.waveform)
    assert np.array_equal(one.waveform, dia2.generate(SCRIPT, seed=1).waveform)


def test_seeds(dia2: Dia2) -> None:
    by_chance = dia2.generate("Hello there.")
    again = dia2.generate("Hello there.", seed=by_chance.seed)
    assert np.array_equal(by_chance.waveform, again.waveform)
    assert dia2.generate("Hello there.").seed != by_chance.seed
    other = dia2.generate("Hello there.", seed=by_chance.seed + 1)
    assert not np.array_equal(by_chance.audio_tokens[:, :10], other.audio_tokens[:, :10])
    dia2.generate("Hello.", seed=LARGEST_SEED - 1)
    for seed in (-1, 1 << 63):
        with pytest.raises(TextToSpeechError, match="a seed is a whole number from 0 to"):
            dia2.generate("Hello.", seed=seed)


def test_without_guidance_one_branch_is_enough(dia2: Dia2) -> None:
    single = Dia2.load(dia2.source, guidance=False)
    assert single.model.branches == 1
    plain = dia2.generate(SCRIPT, seed=1, sampling=Sampling(scale=1.0))
    assert np.array_equal(single.generate(SCRIPT, seed=1).audio_tokens, plain.audio_tokens)
    with pytest.raises(TextToSpeechError, match="without guidance"):
        single.generate(SCRIPT, sampling=Sampling(scale=2.0))


def test_without_a_voice_the_reference_gives_the_same_speech(dia2: Dia2) -> None:
    ours, as_published = (
        way(dia2, SCRIPT, seed=1).run() for way in (Generation, PublishedGeneration)
    )
    assert np.array_equal(ours.audio_tokens, as_published.audio_tokens)
    assert ours.words == as_published.words


@pytest.mark.parametrize("name", ["breaks", "nocfg", "empty", "maxctx", "prefix1_include"])
def test_as_published(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = json.loads((GOLDENS / "a32" / f"trace_{name}.json").read_text())
    tensors = load_file(GOLDENS / "a32" / f"trace_{name}.safetensors")
    shutil.copy(GOLDENS / "a32/model.safetensors", tmp_path)
    shutil.copytree(GOLDENS / "a32/tokenizer", tmp_path / "tokenizer")
    shutil.copy(GOLDENS / "a32" / trace["config"], tmp_path / "config.json")
    codec = tiny_dia2.make(tmp_path / "other", codebooks=32) / "mimi"
    dia2 = Dia2.load(tmp_path, mimi=codec)

    def recorded(_: int, steps: int, codebooks: int) -> torch.Tensor:
        return torch.from_numpy(tensors.get("uniforms", np.zeros((steps, 1 + codebooks))))

    monkeypatch.setattr(published, "random_numbers", recorded)
    told: dict[str, Any] = trace["generation"]
    prefix: dict[str, Any] = trace.get("prefix") or {}
    voices = [
        Voice(
            "golden",
            tensors["prefix_tokens"],
            tuple(Word(*word) for word in speaker["words"]),
            signature(dia2.mimi),
        )
        for speaker in prefix.get("speakers", ())
    ]
    result = PublishedGeneration(
        dia2,
        trace["script"],
        voices=voices,
        initial_padding=told.pop("initial_padding"),
        include_prefix=prefix.get("include_audio", False),
        sampling=Sampling(scale=told.pop("cfg_scale"), filter_k=told.pop("cfg_filter_k"), **told),
    ).run()
    assert np.array_equal(result.audio_tokens, tensors["audio_tokens"])
    assert [list(word) for word in result.words] == trace["timestamps"]


# Beyond the window, and beside the stream.


def test_a_script_longer_than_the_window_goes_on(narrow: Path) -> None:
    dia2 = Dia2.load(narrow)
    words = [f"word{n}{'.' if n % 5 == 0 else ''}" for n in range(30)]
    script = "[S1] " + " ".join(words[:20]) + " [S2] " + " ".join(words[20:])
    result = dia2.generate(script, seed=1)
    assert result.audio_tokens.shape[1] > 2 * dia2.config.max_steps
    assert [text for text, _ in result.words] == words  # each of them once
    times = [at for _, at in result.words]
    assert times == sorted(set(times))
    assert times[-1] < len(result.waveform) / result.sample_rate
    one_window = PublishedGeneration(dia2, script, seed=1).run()
    assert one_window.audio_tokens.shape[1] == dia2.config.max_steps + 1 - 18
    assert len(one_window.words) < len(words)


def test_a_stream_of_the_same_text_is_the_same(narrow: Path) -> None:
    prepared = load(settings(narrow, seed=5))
    text = "Number one comes first. Number two comes after, and then: three, four and five! " * 2
    streamed = speak(prepared, text)
    whole = Generation(prepared.bundle, text, seed=5).run()
    assert whole.audio_tokens.shape[1] > prepared.bundle.config.max_steps
    assert np.array_equal(whole.audio_tokens, streamed.codes)
    assert np.abs(whole.waveform - streamed.pcm).max() < 1e-4


# Voices.


def test_voices_are_heard_first_and_come_out_only_if_wanted(dia2: Dia2) -> None:
    spoken = dia2.generate("[S1] One two three four.", seed=3)
    voice = from_result("mine", spoken, dia2.mimi)
    both = [voice, voice]
    with_prefix = dia2.generate(SCRIPT, voices=both, seed=1, include_prefix=True)
    without = dia2.generate(SCRIPT, voices=both, seed=1)
    assert [text for text, _ in without.words] == WORDS
    heard = ["One", "two", "three", "four."] * 2
    assert [text for text, _ in with_prefix.words] == [*heard, *WORDS]
    frames = with_prefix.audio_tokens.shape[1] - without.audio_tokens.shape[1]
    assert frames >= 2 * voice.frames
    assert np.array_equal(with_prefix.audio_tokens[:, frames:], without.audio_tokens)
    assert np.array_equal(with_prefix.audio_tokens[:, : voice.frames], voice.codes)
    later = [round(at * 12.5) + frames for _, at in without.words]
    assert [round(at * 12.5) for _, at in with_prefix.words[8:]] == later
    alone = dia2.generate(SCRIPT, seed=1)
    assert not np.array_equal(alone.audio_tokens[:, :20], without.audio_tokens[:, :20])


def test_voices_that_do_not_fit(dia2: Dia2, narrow: Path) -> None:
    voice = from_result("mine", dia2.generate("One two three four.", seed=3), dia2.mimi)
    with pytest.raises(TextToSpeechError, match="two speakers"):
        dia2.generate(SCRIPT, voices=[voice] * 3)
    with pytest.raises(TextToSpeechError, match="'mine' is from another model"):
        Dia2.load(narrow).generate(SCRIPT, voices=[voice])
    small = Dia2.load(narrow)
    noise = np.zeros((3, 60), np.int32)
    long = Voice("long", noise, (Word("Hello", 0.2, 0.5),), signature(small.mimi))
    with pytest.raises(TextToSpeechError, match="the voice is 5 s long, this model can take"):
        small.generate(SCRIPT, voices=[long])


# Bad text.


@pytest.mark.parametrize(
    "script", ["", "  \n ", "[S1]", "[S1] [S2]", '<break time="1s"/>', "...", "😀", "[S1] — ?!", []]
)
def test_nothing_to_say(dia2: Dia2, script: str | list[str]) -> None:
    with pytest.raises(TextToSpeechError, match="nothing to say: the script has no words"):
        dia2.generate(script)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("Hello 😀 there", ["Hello", "😀", "there"]),  # nothing is left out
        ("你好 мир", ["你好", "мир"]),
        ("[S1 Hello [S2]there S1]", ["[S1", "Hello", "[S2]there", "S1]"]),  # ordinary words
        ('a <break time="1s b', ["a", "<break", 'time="1s', "b"]),
        ("a <break/> b</s>", ["a", "<break/>", "b</s>"]),
        ("half a \ud83d pair", ["half", "a", "\ud83d", "pair"]),
        ("nul\0 \x07bell", ["nul\0", "\x07bell"]),
        ("it’s 10:30", ["it's", "10", "30"]),
    ],
)
def test_odd_text_is_spoken_as_it_stands(dia2: Dia2, script: str, words: list[str]) -> None:
    assert [text for text, _ in dia2.generate(script, seed=1).words] == words


@pytest.mark.parametrize("number", ["1x5", "1,5", "500m", "9" * 400])
def test_a_pause_that_cannot_be_read(dia2: Dia2, number: str) -> None:
    with pytest.raises(TextToSpeechError) as raised:
        dia2.generate(f'Hello <break time="{number}s"/> there')
    assert number[:20] in str(raised.value)
    assert '<break time="0.5s"/>' in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_hundred_thousand_characters(dia2: Dia2) -> None:
    class EnoughError(Exception):
        pass

    def stop(taken: int, of: int | None) -> None:
        if taken == 3:
            raise EnoughError(of)

    begun = time.monotonic()
    with pytest.raises(EnoughError, match="20000"):
        dia2.generate("word " * 20_000, seed=1, progress=stop)
    with pytest.raises(TextToSpeechError, match=r"a word of 100000 letters \(aaaaaaaaaa"):
        dia2.generate("a" * 100_000)
    assert time.monotonic() - begun < 20
    dia2.generate("Hello.", seed=1)  # whoever stops leaves nothing behind


# Files.


def test_a_wav_file(dia2: Dia2, tmp_path: Path) -> None:
    result = dia2.generate("Hello.", seed=1)
    result.save(tmp_path / "new" / "out.wav")
    with wave.open(str(tmp_path / "new" / "out.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.array_equal(samples, (result.waveform * np.float32(32767)).astype(np.int16))
    with pytest.raises(TextToSpeechError, match="cannot be written"):
        result.save(tmp_path)
