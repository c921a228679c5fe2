"""The decoder on a model with random weights: windows, prompts, what is tried again."""

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from stt import Word
from stt.whisper_decoder import Decoder, trimmed

TINY_WHISPER = Path(__file__).parent / "tiny_whisper.py"
PCM = np.random.default_rng(5).normal(0, 0.1, 32000).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> WhisperModel:
    """Random weights; it babbles until it has no room left."""
    spec = spec_from_file_location("tiny_whisper", TINY_WHISPER)
    assert spec is not None
    assert spec.loader is not None
    tiny_whisper = module_from_spec(spec)
    spec.loader.exec_module(tiny_whisper)
    folder: Path = tiny_whisper.make(tmp_path_factory.mktemp("tiny"))
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)


@pytest.fixture
def seen(model: WhisperModel, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The model's work: the frames it encodes, and the prompts and options it writes with."""
    seen: list[tuple[Any, ...]] = []

    def spy(name: str, owner: Any, note: Callable[..., Any]) -> None:
        plainly = getattr(owner, name)

        def call(*args: Any, **options: Any) -> Any:
            seen.append((name, note(*args, **options)))
            return plainly(*args, **options)

        monkeypatch.setattr(owner, name, call, raising=False)

    spy("encode", model, lambda features: features.shape[-1])
    # A CTranslate2 model takes no attributes: the one that is written to stands before it.
    network = Network(model.model)
    monkeypatch.setattr(model, "model", network)
    spy("generate", network, lambda _, prompts, **options: (prompts[0], options))
    return seen


class Network:
    """A CTranslate2 model that can be spied on."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def work(seen: list[tuple[Any, ...]], name: str) -> list[Any]:
    return [what for one, what in seen if one == name]


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.3, 800), (5.3, 800), (5.5, 900), (10, 1300), (28, 3000), (30, 3000)]
)
def test_the_window_is_as_long_as_the_sound_needs(seconds: float, frames: int) -> None:
    assert trimmed(round(seconds * 100)) == frames
    assert frames >= min(3000, max(800, seconds * 100 + 260))


def test_a_trimmed_window_that_looks_wrong_is_decoded_in_full(
    model: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    (hypothesis,) = Decoder(model).decode(PCM, "en")
    assert work(seen, "encode") == [800, 3000]
    assert hypothesis.text


def test_one_that_looks_right_is_not(
    model: WhisperModel, seen: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stt.whisper_decoder.flaw", lambda _: None)
    Decoder(model).decode(PCM, "en")
    assert work(seen, "encode") == [800]


def test_without_trimming_the_window_is_whispers_own(
    model: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    Decoder(model, trim=False).decode(PCM, "en")
    assert work(seen, "encode") == [3000]


def test_it_is_greedy_and_tries_no_other_temperature(
    model: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    Decoder(model, trim=False).decode(PCM, "en")
    ((_, options),) = work(seen, "generate")
    assert (options["beam_size"], options["sampling_topk"]) == (1, 1)


def test_a_ladder_of_temperatures_if_one_is_wanted(
    model: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    Decoder(model, trim=False, temperatures=(0.0, 0.4, 0.8)).decode(PCM, "en")
    tried = [options for _, options in work(seen, "generate")]
    assert [options["sampling_temperature"] for options in tried] == [1.0, 0.4, 0.8]
    assert [options["sampling_topk"] for options in tried] == [1, 0, 0]


def test_hotwords_stand_before_the_transcript(
    model: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    ((prompt, _),) = (
        Decoder(model, trim=False).decode(PCM, "de"),
        work(seen, "generate"),
    )[1]
    names = Decoder(model, trim=False, hotwords="Parley")
    names.decode(PCM, "de")
    ((named, _),) = work(seen, "generate")[1:]
    tokens = model.hf_tokenizer
    assert [tokens.id_to_token(i) for i in prompt] == [
        "<|startoftranscript|>",
        "<|de|>",
        "<|transcribe|>",
        "<|notimestamps|>",
    ]
    assert tokens.id_to_token(named[0]) == "<|startofprev|>"
    assert tokens.decode(named[1 : -len(prompt)]) == " Parley"
    assert named[-len(prompt) :] == prompt


def test_many_hotwords_leave_room_for_the_transcript(
    model: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    (hypothesis,) = Decoder(model, trim=False, hotwords="Parley " * 200).decode(PCM, "en")
    ((prompt, options),) = work(seen, "generate")
    assert len(prompt) < 230
    assert options["max_length"] <= 448
    assert hypothesis.text


def test_a_language_nobody_named_is_detected(model: WhisperModel) -> None:
    (hypothesis,) = Decoder(model).decode(PCM, None)
    assert hypothesis.language in model.supported_languages
    assert 0 < hypothesis.language_probability < 1
    (hypothesis,) = Decoder(model).decode(PCM, "de")
    assert (hypothesis.language, hypothesis.language_probability) == ("de", 1.0)


def test_word_times_in_seconds_when_asked_for(model: WhisperModel) -> None:
    (hypothesis,) = Decoder(model).decode(PCM, "en")
    assert hypothesis.words == ()
    (hypothesis,) = Decoder(model, word_times=True).decode(PCM, "en")
    assert hypothesis.words
    assert " ".join(word.text for word in hypothesis.words) == hypothesis.text
    in_order(hypothesis.words, 2.0)


def test_longer_sound_than_a_window_goes_on_where_a_sentence_ended(
    model: WhisperModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    plainly = model.transcribe

    def transcribe(pcm: NDArray[np.float32], **options: Any) -> Any:
        asked.append(options)
        return plainly(pcm, **options)

    monkeypatch.setattr(model, "transcribe", transcribe)
    pcm = np.tile(PCM, 16)
    hypotheses = Decoder(model, word_times=True).decode(pcm, "de")
    assert hypotheses
    assert asked[0]["language"] == "de"
    assert asked[0]["temperature"] == (0.0,)
    assert asked[0]["condition_on_previous_text"] is False
    assert "without_timestamps" not in asked[0]
    in_order([word for hypothesis in hypotheses for word in hypothesis.words], 32.0)


def in_order(words: Any, end: float) -> None:
    times = [time for word in words for time in (word.start, word.end)]
    assert all(isinstance(word, Word) for word in words)
    assert all(type(time) is float for time in times)
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= end
