"""The decoder on a model with random weights: windows, prompts, what is tried again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from stt import Word
from stt.hallucinations import Hypothesis, decoding_fault
from stt.whisper.decoder import Decoder, window_size

PCM = np.random.default_rng(5).normal(0, 0.1, 32000).astype(np.float32)


@pytest.fixture(scope="module")
def whisper(model: Path) -> WhisperModel:
    """Random weights; it babbles until it has no room left."""
    return WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=1)


@pytest.fixture
def seen(whisper: WhisperModel, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The model's work: the frames it encodes, and the prompts and options it writes with."""
    seen: list[tuple[Any, ...]] = []

    def spy(name: str, owner: Any, note: Callable[..., Any]) -> None:
        plainly = getattr(owner, name)

        def call(*args: Any, **options: Any) -> Any:
            seen.append((name, note(*args, **options)))
            return plainly(*args, **options)

        monkeypatch.setattr(owner, name, call, raising=False)

    spy("encode", whisper, lambda features: features.shape[-1])
    # A CTranslate2 model takes no attributes: the one that is written to stands before it.
    network = Network(whisper.model)
    monkeypatch.setattr(whisper, "model", network)
    spy("generate", network, lambda _, prompts, **options: (prompts[0], options))
    return seen


class Network:
    """A CTranslate2 model that can be spied on."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


class Aligning(Network):
    """One whose sound makes any text as probable as is said."""

    def __init__(self, model: Any, score: float) -> None:
        super().__init__(model)
        self._score = score

    def align(self, *_: Any) -> list[SimpleNamespace]:
        return [SimpleNamespace(text_token_probs=[np.exp(self._score)])]


def work(seen: list[tuple[Any, ...]], name: str) -> list[Any]:
    return [what for one, what in seen if one == name]


@pytest.mark.parametrize(
    ("seconds", "frames"),
    [(0.3, 800), (5.3, 800), (5.5, 900), (10, 1300), (19, 2200), (19.5, 3000), (30, 3000)],
)
def test_the_window_is_as_long_as_the_sound_needs(seconds: float, frames: int) -> None:
    assert window_size(round(seconds * 100)) == frames
    assert frames >= min(3000, max(800, seconds * 100 + 260))


def test_a_trimmed_window_that_looks_wrong_is_decoded_in_full(
    whisper: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    (hypothesis,) = Decoder(whisper).decode(PCM, "en")
    assert work(seen, "encode") == [800, 3000]
    assert hypothesis.text


@pytest.mark.parametrize(
    ("greedy", "probability", "beam", "whole"),
    [
        ("Go forward, ten meters.", -0.1, None, False),  # sure
        ("Go forward, ten meters.", -0.4, "go forward ten meters", False),  # but for punctuation
        ("Go forward, ten meters.", -0.4, "Ten meters.", True),
        ("Go forward, ten meters.", -0.7, None, True),  # not even tried
        ("It was a fine day. It was a fine day.", -0.1, None, True),
        ("No, no, I know.", -0.1, None, False),
    ],
)
def test_what_is_read_of_a_trimmed_window_has_to_be_borne_out(
    monkeypatch: pytest.MonkeyPatch,
    greedy: str,
    probability: float,
    beam: str | None,
    whole: bool,
) -> None:
    texts = [text for text in (beam, "of the whole window") if text is not None]
    encoded: list[int] = []
    model = SimpleNamespace(
        feature_extractor=lambda _: np.zeros((80, 200), np.float32),
        encode=lambda features: encoded.append(features.shape[1]),
        model=SimpleNamespace(is_multilingual=False),
    )
    decoder = Decoder(cast("WhisperModel", model))
    first = Hypothesis(greedy, (1, 2, 3), probability, 0.1, "en")

    def write(*_: Any, beam: int = 1, **_options: Any) -> Hypothesis:
        return first if beam == 1 else replace(first, text=texts.pop(0))

    monkeypatch.setattr(decoder._writer, "write", write)
    (hypothesis,) = decoder.decode(PCM, "en")
    assert encoded == ([800, 3000] if whole else [800])
    assert hypothesis.text == ("of the whole window" if whole else greedy)


@pytest.mark.parametrize("name", ["UNSURE", "REPEATED_UNSURE"])
def test_one_that_may_lack_words_or_have_some_twice_is_decoded_in_full(
    whisper: WhisperModel, seen: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("stt.whisper.decoder.decoding_fault", lambda _: None)
    other = {"UNSURE": ("REPEATED_UNSURE", 1000), "REPEATED_UNSURE": ("UNSURE", -100)}[name]
    monkeypatch.setattr(f"stt.whisper.decoder.{other[0]}", other[1])
    Decoder(whisper).decode(PCM, "en")
    assert work(seen, "encode") == [800, 3000]


def test_a_final_is_written_in_one_go(
    whisper: WhisperModel, seen: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time the decoder starts again it has to read all that it has written."""
    monkeypatch.setattr(whisper, "max_length", 4 + 150)
    Decoder(whisper).decode(np.tile(PCM, 13)[: 25 * 16000], "en")
    assert len(work(seen, "generate")) == 1


def test_without_trimming_the_window_is_whispers_own(
    whisper: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    Decoder(whisper, trim=False).decode(PCM, "en")
    assert work(seen, "encode") == [3000]


def test_a_draft_is_decoded_once_and_in_small_steps(
    whisper: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    assert Decoder(whisper, temperatures=(0.0, 0.4)).decode(PCM, "en", lambda: True)
    assert work(seen, "encode") == [800]
    # The words so far stand in the prompt; CTranslate2 gives half of the length to the text.
    lengths = [(len(prompt), options["max_length"]) for prompt, options in work(seen, "generate")]
    assert lengths == [(4, 16), (12, 32), (20, 48)]


@pytest.mark.parametrize("looks", [0, 1])
def test_a_draft_that_is_not_wanted_any_more_is_given_up(
    whisper: WhisperModel, seen: list[tuple[Any, ...]], looks: int
) -> None:
    answers = iter([True] * looks + [False])
    assert Decoder(whisper).decode(PCM, "en", lambda: next(answers)) == []
    assert len(work(seen, "generate")) == looks


@pytest.mark.parametrize("seconds", [1, 4, 9])
def test_steps_change_nothing(
    whisper: WhisperModel, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    monkeypatch.setattr(Decoder, "_borne_out", lambda *_, **_options: True)
    pcm = np.tile(PCM, 5)[: seconds * 16000]
    written = {}
    for step in (4, 224):
        monkeypatch.setattr("stt.whisper.writing.STEP", step)
        monkeypatch.setattr(
            "stt.whisper.writing.MAX_CHAR_RATE", 1e9
        )  # as much as there is room for
        (written[step],) = Decoder(whisper).decode(pcm, "en")
    assert written[4].tokens == written[224].tokens
    assert len(written[4].tokens) == 224
    assert written[4].log_probability == pytest.approx(written[224].log_probability, rel=1e-3)


@pytest.mark.parametrize("seconds", [1, 9])
def test_babbling_ends_when_nobody_could_say_more_and_has_no_end(
    whisper: WhisperModel, seconds: int
) -> None:
    (hypothesis,) = Decoder(whisper).decode(np.tile(PCM, 5)[: seconds * 16000], "en")
    assert not hypothesis.ended
    assert decoding_fault(hypothesis)
    step = max(32, 10 * seconds)
    assert 20 + 50 * seconds < len(hypothesis.text) < 20 + 50 * seconds + step * 8


def test_a_trimmed_window_is_read_greedily_and_a_whole_one_as_faster_whisper_reads_it(
    whisper: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    """And no other temperature is tried."""
    Decoder(whisper).decode(PCM, "en")
    tried = [
        (options["beam_size"], options["sampling_topk"])
        for prompt, options in work(seen, "generate")
        if len(prompt) == 4
    ]
    assert tried == [(1, 1), (5, 1)]


def test_a_draft_is_greedy(whisper: WhisperModel, seen: list[tuple[Any, ...]]) -> None:
    Decoder(whisper, trim=False).decode(PCM, "en", lambda: True)
    assert {options["beam_size"] for _, options in work(seen, "generate")} == {1}


def test_a_ladder_of_temperatures_if_one_is_wanted(
    whisper: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    Decoder(whisper, trim=False, temperatures=(0.0, 0.4, 0.8)).decode(PCM, "en")
    tried = [options for prompt, options in work(seen, "generate") if len(prompt) == 4]
    assert [options["sampling_temperature"] for options in tried] == [1.0, 0.4, 0.8]
    assert [options["sampling_topk"] for options in tried] == [1, 0, 0]
    assert [options["beam_size"] for options in tried] == [5, 1, 1]


def test_hotwords_stand_before_the_transcript(
    whisper: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    Decoder(whisper, trim=False, hotwords=["Parley"]).decode(PCM, "de")
    prompts = [prompt for prompt, _ in work(seen, "generate")]
    tokens = whisper.hf_tokenizer
    assert [tokens.id_to_token(i) for i in prompts[0]] == [
        "<|startoftranscript|>",
        "<|de|>",
        "<|transcribe|>",
        "<|notimestamps|>",
    ]
    named = next(p for p in prompts if tokens.id_to_token(p[0]) == "<|startofprev|>")
    end = named.index(prompts[0][0])
    assert tokens.decode(named[1:end]) == " Parley"
    assert named[end:] == prompts[0]


def test_a_draft_is_not_told_the_hotwords(
    whisper: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    Decoder(whisper, hotwords=["Parley"]).decode(PCM, "en", lambda: True)
    first = {whisper.hf_tokenizer.id_to_token(prompt[0]) for prompt, _ in work(seen, "generate")}
    assert first == {"<|startoftranscript|>"}


@pytest.mark.parametrize(
    ("text", "score", "written"),
    [
        ("Call Siobhan Vandermeer.", -9.0, "Call Siobhan Vandermeer."),
        ("Call Siobhan Vandermeer.", -15.0, "Call she want under me."),  # of 1.6 without the list
        ("Call Marengi Billan.", -2.0, "Call she want under me."),  # strange, and not in the list
    ],
)
def test_hotwords_are_written_where_the_sound_bears_them_out(
    whisper: WhisperModel,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    score: float,
    written: str,
) -> None:
    plain = Hypothesis("Call she want under me.", (1, 2, 3), -0.4, 0.3, "en")
    decoder = Decoder(whisper, hotwords=["Siobhan", "Vandermeer"])

    def write(*_: Any, told: Any = (), **_options: Any) -> Hypothesis:
        return replace(plain, text=text, log_probability=-0.1, no_speech=0.1) if told else plain

    monkeypatch.setattr(decoder._writer, "write", write)
    monkeypatch.setattr(whisper, "model", Aligning(whisper.model, score))
    (hypothesis,) = decoder.decode(PCM, "en")
    assert hypothesis.text == written
    assert hypothesis.no_speech == 0.3  # told of anything, it takes everything for speech


def test_a_long_list_is_cut_and_that_is_said(
    whisper: WhisperModel, caplog: pytest.LogCaptureFixture
) -> None:
    Decoder(whisper, hotwords=["Parley", "Nari"])
    assert caplog.text == ""
    Decoder(whisper, hotwords=[f"word{number}" for number in range(150)])
    assert "listens for the hot words up to 'word14' (100 of 1090 tokens)" in caplog.text


def test_many_hotwords_leave_room_for_the_transcript(
    whisper: WhisperModel, seen: list[tuple[Any, ...]]
) -> None:
    (hypothesis,) = Decoder(whisper, trim=False, hotwords=["Parley"] * 200).decode(PCM, "en")
    prompt, options = work(seen, "generate")[-1]
    assert len(prompt) < 448
    assert options["max_length"] <= 448
    assert tokens_of_the_prompt(seen) < 230
    assert hypothesis.text


def tokens_of_the_prompt(seen: list[tuple[Any, ...]]) -> int:
    return min(len(prompt) for prompt, _ in work(seen, "generate"))


def test_a_language_nobody_named_is_detected(whisper: WhisperModel) -> None:
    (hypothesis,) = Decoder(whisper).decode(PCM, None)
    assert hypothesis.language in whisper.supported_languages
    assert 0 < hypothesis.language_probability < 1
    (hypothesis,) = Decoder(whisper).decode(PCM, "de")
    assert (hypothesis.language, hypothesis.language_probability) == ("de", 1.0)


def test_word_times_in_seconds_when_asked_for(whisper: WhisperModel) -> None:
    (hypothesis,) = Decoder(whisper).decode(PCM, "en")
    assert hypothesis.words == ()
    (hypothesis,) = Decoder(whisper, word_times=True).decode(PCM, "en")
    assert hypothesis.words
    assert " ".join(word.text for word in hypothesis.words) == hypothesis.text
    in_order(hypothesis.words, 2.0)


def test_longer_sound_than_a_window_goes_on_where_a_sentence_ended(
    whisper: WhisperModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    plainly = whisper.transcribe

    def transcribe(pcm: NDArray[np.float32], **options: Any) -> Any:
        asked.append(options)
        return plainly(pcm, **options)

    monkeypatch.setattr(whisper, "transcribe", transcribe)
    pcm = np.tile(PCM, 16)
    hypotheses = Decoder(whisper, word_times=True).decode(pcm, "de")
    assert hypotheses
    assert asked[0]["language"] == "de"
    assert asked[0]["temperature"] == (0.0,)
    assert asked[0]["condition_on_previous_text"] is False
    assert asked[0]["beam_size"] == 5
    assert "without_timestamps" not in asked[0]
    in_order([word for hypothesis in hypotheses for word in hypothesis.words], 32.0)


def in_order(words: Any, end: float) -> None:
    times = [time for word in words for time in (word.start, word.end)]
    assert all(isinstance(word, Word) for word in words)
    assert all(type(time) is float for time in times)
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= end
