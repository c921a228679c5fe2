"""Voices: the file, the folder, the prompt, and making one from a recording or a result."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from agent.audio.wav import read_audio
from bench.dia2_verify.published import published_prompt
from tests import tiny_dia2
from tests.paths import AUDIO
from tts import TextToSpeechError
from tts.dia2.mimi.codec import Mimi
from tts.dia2.network import config_json
from tts.dia2.serving.prompt import prompt
from tts.dia2.text.prefix import Part, plan, prefill_text
from tts.dia2.text.state_machine import StateMachine
from tts.dia2.text.tokenizer import Tokenizer
from tts.voices import folder as voices
from tts.voices.making import check_recording, from_recording, from_result, trim
from tts.voices.voice import Voice
from tts.voices.word import Word

CLIP = AUDIO / "dia2_speaker_1.wav"

WORDS = (Word("Good", 0.2, 0.5), Word("morning,", 0.5, 0.9), Word("Ada.", 1.0, 1.4))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Several threads only get in each other's way where the layers are tiny."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dia2.make(tmp_path_factory.mktemp("dia2"))


@pytest.fixture(scope="module")
def mimi(model: Path) -> Mimi:
    return Mimi.load(model / "mimi")


@pytest.fixture(scope="module")
def tokenizer(model: Path) -> Tokenizer:
    return Tokenizer.from_folder(model, config_json.read(model / "config.json").new_word)


@pytest.fixture(scope="module")
def voice(mimi: Mimi) -> Voice:
    return from_recording("ada", sound(1.5), WORDS, mimi, {"source": "a test – ünïcode"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "parley" / "voices"


def sound(seconds: float, rate: int = 24_000) -> NDArray[np.float32]:
    at = np.arange(round(seconds * rate))
    return np.asarray(0.3 * np.sin(at * 0.05), np.float32)


def silence(seconds: float, rate: int = 24_000) -> NDArray[np.float32]:
    return np.zeros(round(seconds * rate), np.float32)


class TestFile:
    def test_everything_comes_back(self, voice: Voice, tmp_path: Path) -> None:
        voice = replace(voice, speaker=1)
        voice.save(tmp_path / "new" / "ada.safetensors")
        again = Voice.load(tmp_path / "new" / "ada.safetensors")
        assert np.array_equal(again.codes, voice.codes)
        assert np.array_equal(again.codec, voice.codec)
        assert again.words == voice.words
        assert again.provenance == {"source": "a test – ünïcode"}
        assert (again.name, again.speaker, again.frame_rate) == ("ada", 1, 12.5)
        assert again.text == "Good morning, Ada."
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["ada.safetensors"]

    def test_not_a_voice(self, tmp_path: Path) -> None:
        path = tmp_path / "x.safetensors"
        with pytest.raises(TextToSpeechError, match="there is no voice file"):
            Voice.load(path)
        for content in (b"", b"hello", b"\xff" * 100):
            path.write_bytes(content)
            with pytest.raises(TextToSpeechError, match="is not a voice"):
                Voice.load(path)
        save_file({"codes": np.zeros((2, 2), np.int32)}, path)
        with pytest.raises(TextToSpeechError, match=r"is not a voice: make one with parley voice"):
            Voice.load(path)
        save_file({"codes": np.zeros((2, 2), np.int32)}, path, {"format": "parley voice 2"})
        with pytest.raises(TextToSpeechError, match="newer Parley"):
            Voice.load(path)

    def test_cut_short(self, voice: Voice, tmp_path: Path) -> None:
        path = tmp_path / "ada.safetensors"
        voice.save(path)
        whole = path.read_bytes()
        for size in (4, 100, len(whole) - 1):
            path.write_bytes(whole[:size])
            with pytest.raises(TextToSpeechError, match="cut short"):
                Voice.load(path)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("words", "nonsense"),
            ("words", '[{"text": "a"}]'),
            ("words", '[{"text": 3, "start": 0, "end": 1}]'),
            ("words", '[{"text": "a", "start": "x", "end": 1}]'),
            ("speaker", "2"),
            ("frame_rate", "inf"),
            ("frame_rate", "fast"),
            ("provenance", "[]"),
        ],
    )
    def test_damaged(self, voice: Voice, tmp_path: Path, key: str, value: str) -> None:
        path = tmp_path / "ada.safetensors"
        voice.save(path)
        with safe_open(path, "np") as file:
            metadata = {**file.metadata(), key: value}
        save_file({"codes": voice.codes, "codec": voice.codec}, path, metadata)
        with pytest.raises(TextToSpeechError, match=r"damaged|has no time") as raised:
            Voice.load(path)
        assert "\n" not in str(raised.value)

    @pytest.mark.parametrize("wrong", [np.zeros(3, np.int32), np.zeros((2, 2), np.float32)])
    def test_other_codes(self, voice: Voice, tmp_path: Path, wrong: NDArray[Any]) -> None:
        path = tmp_path / "ada.safetensors"
        voice.save(path)
        with safe_open(path, "np") as file:
            metadata = file.metadata()
        save_file({"codes": wrong, "codec": voice.codec}, path, metadata)
        with pytest.raises(TextToSpeechError, match="damaged"):
            Voice.load(path)

    def test_cannot_be_written(self, voice: Voice, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(TextToSpeechError, match="cannot be written"):
            voice.save(tmp_path / "file" / "ada.safetensors")


class TestAnotherModel:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
    def test_the_same_codec_in_any_dtype(
        self, voice: Voice, model: Path, dtype: torch.dtype
    ) -> None:
        voice.check(Mimi.load(model / "mimi", dtype=dtype))

    def test_another_codec(self, voice: Voice, tmp_path: Path) -> None:
        other = Mimi.load(tiny_dia2.make(tmp_path, seed=2) / "mimi")
        with pytest.raises(TextToSpeechError, match=r"'ada' is from another model.*another codec"):
            voice.check(other)

    def test_fewer_codebooks(self, voice: Voice, model: Path) -> None:
        with pytest.raises(TextToSpeechError, match="it has 8 codebooks"):
            voice.check(Mimi.load(model / "mimi", 7))

    def test_a_code_that_is_none(self, voice: Voice, mimi: Mimi) -> None:
        with pytest.raises(TextToSpeechError, match="out of range"):
            replace(voice, codes=voice.codes + 64).check(mimi)

    def test_the_prompt_checks(self, voice: Voice, model: Path, tokenizer: Tokenizer) -> None:
        with pytest.raises(TextToSpeechError, match="another model"):
            prompt([voice], tokenizer, Mimi.load(model / "mimi", 7))


class TestFolder:
    def test_by_name_and_by_path(self, voice: Voice, folder: Path, tmp_path: Path) -> None:
        voice.save(voices.path_of("ada"))
        assert voices.find("ada") == folder / "ada.safetensors"
        assert voices.load("ada").text == voice.text
        voice.save(tmp_path / "elsewhere.safetensors")
        assert voices.find(str(tmp_path / "elsewhere.safetensors")).is_file()
        assert voices.names() == ["ada"]

    def test_unknown(self, voice: Voice, folder: Path) -> None:
        with pytest.raises(TextToSpeechError, match=r"none yet.*parley voice new"):
            voices.find("ada")
        for name in ("ada", "bob"):
            voice.save(folder / f"{name}.safetensors")
        with pytest.raises(TextToSpeechError, match=r"did you mean 'ada'\? There are ada, bob"):
            voices.find("adda")
        with pytest.raises(TextToSpeechError, match="'zoe': there are ada, bob"):
            voices.find("zoe")
        with pytest.raises(TextToSpeechError, match=r"no voice file \./zoe.safetensors"):
            voices.find("./zoe.safetensors")

    @pytest.mark.parametrize("name", ["", "../ada", "a/b", ".hidden", "-x", "a b", "a" * 65, "a\n"])
    def test_no_name(self, name: str) -> None:
        with pytest.raises(TextToSpeechError, match="no name for a voice"):
            voices.path_of(name)

    @pytest.mark.parametrize(
        ("platform", "expected"),
        [
            ("linux", ".local/share/parley/voices"),
            ("darwin", "Library/Application Support/parley/voices"),
            ("win32", "AppData/Local/parley/voices"),
        ],
    )
    def test_where_it_is(
        self, platform: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", "relative")
        monkeypatch.delenv("LOCALAPPDATA", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr(sys, "platform", platform)
        assert voices.folder() == tmp_path / expected


class TestPrompt:
    def test_words_near_the_end_get_silence(
        self, voice: Voice, mimi: Mimi, tokenizer: Tokenizer
    ) -> None:
        short = replace(voice, codes=voice.codes[:, :15])  # 1.2 s, the last word ends at 1.4 s
        laid_out, codes = prompt([short], tokenizer, mimi)
        assert codes.shape == (8, laid_out.frames)
        assert laid_out.frames >= (1.4 + 0.6) * 12.5
        assert np.array_equal(codes[:, :15], short.codes)
        assert len(laid_out.entries) == 3
        published, kept = published_prompt([short], tokenizer, mimi)
        assert published.frames == kept.shape[1] == 15

    def test_a_whole_recording_stays_as_it_is(
        self, voice: Voice, mimi: Mimi, tokenizer: Tokenizer
    ) -> None:
        laid_out, codes = prompt([voice], tokenizer, mimi)
        assert np.array_equal(codes, voice.codes)
        machine = StateMachine(2, 3, 2, 2)
        machine.add(laid_out.entries)
        machine.close()
        assert len(prefill_text(machine, laid_out)) == laid_out.frames
        assert [text for text, _ in machine.transcript] == ["Good", "morning,", "Ada."]

    def test_two_speakers(self, voice: Voice, mimi: Mimi, tokenizer: Tokenizer) -> None:
        laid_out, codes = prompt([voice, voice], tokenizer, mimi)
        assert codes.shape[1] == laid_out.frames == 2 * voice.frames
        firsts = [laid_out.entries[0].tokens[0], laid_out.entries[3].tokens[0]]
        assert firsts == list(tokenizer.speakers)

    def test_how_many(self, voice: Voice, mimi: Mimi, tokenizer: Tokenizer) -> None:
        for wrong in ([], [voice] * 3):
            with pytest.raises(TextToSpeechError, match=r"\[S1\] and \[S2\]"):
                prompt(wrong, tokenizer, mimi)


class TestRecording:
    def test_a_real_clip(self, mimi: Mimi) -> None:
        pcm, rate = read_audio(CLIP)
        assert rate == 24_000
        assert check_recording(pcm, rate) == []
        words = [Word("I", 0.2, 0.4), Word("end.", 4.9, len(pcm) / rate)]
        trimmed, shifted = trim(pcm, rate, words)
        voice = from_recording("real", trimmed, shifted, mimi)
        assert voice.seconds >= voice.words[-1].end + 0.6
        assert voice.words[1].start - voice.words[0].start == pytest.approx(4.7)
        assert 0 <= voice.words[0].start <= 0.2
        assert np.abs(mimi.decode(voice.codes).numpy()).max() > 0

    def test_silence_is_trimmed_and_words_move_along(self) -> None:
        pcm = np.concatenate((silence(1), sound(2), silence(3)))
        trimmed, words = trim(pcm, 24_000, [Word("a", 1.1, 1.5), Word("b", 2.0, 2.9)])
        assert len(trimmed) / 24_000 == pytest.approx(2 + 0.1 + 0.25, abs=0.05)
        times = [each for word in words for each in (word.start, word.end)]
        assert times == pytest.approx([0.2, 0.6, 1.1, 2.0], abs=0.03)

    def test_a_soft_word_is_not_trimmed(self) -> None:
        pcm = np.concatenate((silence(1), sound(2), silence(3)))
        trimmed, words = trim(pcm, 24_000, [Word("a", 0.5, 1.5), Word("b", 2.0, 4.0)])
        assert len(trimmed) / 24_000 == pytest.approx(3.5 + 0.35, abs=0.05)
        assert words[0].start == pytest.approx(0.1)

    @pytest.mark.parametrize(
        ("pcm", "message"),
        [
            (silence(5), "only silence"),
            (0.001 * sound(5), "only silence"),
            (sound(61), "61 s long, the limit is 60 s"),
            (np.append(silence(5), sound(0.5)), r"only 0\.5 s of sound"),
        ],
    )
    def test_no_voice_can_be_made(self, pcm: NDArray[np.float32], message: str) -> None:
        with pytest.raises(TextToSpeechError, match=message):
            check_recording(pcm, 24_000)

    def test_long_silence_does_not_count(self) -> None:
        assert check_recording(np.append(sound(5), silence(100)), 24_000) == []

    @pytest.mark.parametrize(
        ("seconds", "rate", "message"),
        [(2, 24_000, "2.0 s of sound"), (59, 24_000, "59.0 s of sound"), (5, 8_000, "8000 Hz")],
    )
    def test_less_than_good(self, seconds: float, rate: int, message: str) -> None:
        (warning,) = check_recording(sound(seconds, rate), rate)
        assert message in warning

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([Word("a", 0.1, 0.2), Word("b", 0.05, 0.3)], "out of order"),
            ([Word("a", 0.3, 0.2)], "out of order"),
            ([Word(" ", 0.1, 0.2)], "empty"),
            ([Word("a", 0.1, 0.2), Word("b", 1, 9)], "another recording"),
        ],
    )
    def test_words_of_something_else(self, words: list[Word], message: str) -> None:
        with pytest.raises(TextToSpeechError, match=message):
            trim(sound(2), 24_000, words)

    def test_no_words(self, mimi: Mimi) -> None:
        with pytest.raises(TextToSpeechError, match="no words"):
            from_recording("x", sound(2), [], mimi)


class TestResult:
    def result(self, steps: Sequence[tuple[str, int]], pcm: NDArray[np.float32], mimi: Mimi) -> Any:
        return SimpleNamespace(
            waveform=pcm,
            sample_rate=24_000,
            audio_tokens=mimi.encode(pcm).numpy(),
            words=[(text, step / 12.5) for text, step in steps],
        )

    @pytest.mark.parametrize("early", [0, 1])
    def test_a_prompt_takes_its_words_where_the_model_did(
        self, mimi: Mimi, tokenizer: Tokenizer, early: int
    ) -> None:
        """A model takes its first word at step 2, a prompt at 3: a frame is put before it."""
        steps = [("the", 3 - early), ("inner", 9), ("hour", 14), ("is", 18), ("over.", 30)]
        pcm = np.append(sound(3.2), silence(1.0))
        made = from_result("it", cast(Any, self.result(steps, pcm, mimi)), mimi, {"seed": "1"})
        laid_out = plan([Part(0, made.words, made.frames)], tokenizer)
        assert laid_out.new_word_steps == tuple(step + early for _, step in steps)
        assert made.frames == early + round(4.2 * 12.5 + 0.5)
        assert made.words[-1].end == pytest.approx(3.2 + early / 12.5, abs=0.03)
        assert made.words[0].end == made.words[1].start
        assert made.provenance == {"seed": "1"}

    def test_a_text_that_takes_too_long(self, mimi: Mimi) -> None:
        result = SimpleNamespace(waveform=sound(61), sample_rate=24_000)
        with pytest.raises(TextToSpeechError, match="61 s to say that, the limit is 60 s"):
            from_result("it", cast(Any, result), mimi)

    @pytest.mark.parametrize("pcm", [silence(2), sound(2)])
    def test_nothing_was_said(self, mimi: Mimi, pcm: NDArray[np.float32]) -> None:
        steps = [] if pcm.any() else [("the", 3)]
        with pytest.raises(TextToSpeechError, match="another seed"):
            from_result("it", self.result(steps, pcm, mimi), mimi)
