"""Dia in Python: a text to sound, codes and turns; what cannot be spoken or loaded."""

import subprocess
import sys
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.paths import ROOT
from tests.tts.dia.models import GOLDENS, SMALL
from tests.tts.dia.serving.dialogue import make_voice
from tts import TextToSpeechError
from tts.dia import Dia, Sampling

TEXT = "[S1] Hello there. [S2] Hi! (laughs) [S1] Well, well."


@pytest.fixture(autouse=True)
def short_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model mostly ends a take within a third of a second; else it is made to."""
    monkeypatch.setattr("tts.dia.serving.utterance.SLACK", 0.0)
    monkeypatch.setattr("tts.dia.serving.utterance.SLACK_S", 0.6)


@pytest.fixture(scope="module")
def dia() -> Dia:
    return Dia.load(SMALL)


def test_a_text_becomes_speech(dia: Dia, tmp_path: Path) -> None:
    done: list[tuple[float, float]] = []
    result = dia.generate(TEXT, seed=4, progress=lambda *each: done.append(each))
    frames = len(result.codes)
    assert frames > 0
    assert result.codes.shape == (frames, 5)
    assert 0 < len(result.waveform) <= 128 * frames
    assert result.waveform.dtype == np.float32
    assert result.sample_rate == 44100
    assert done[-1][0] > 0
    seconds = len(result.waveform) / 44100
    assert [(turn.speaker, turn.text) for turn in result.turns] == [
        ("S1", "Hello there."),
        ("S2", "Hi! (laughs)"),
        ("S1", "Well, well."),
    ]
    times = [at for turn in result.turns for at in (turn.start, turn.end)]
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] == pytest.approx(seconds)
    result.save(tmp_path / "new" / "said.wav")
    with wave.open(str(tmp_path / "new" / "said.wav")) as file:
        assert (file.getnframes(), file.getframerate()) == (len(result.waveform), 44100)


def test_the_same_seed_is_the_same_speech(dia: Dia) -> None:
    first = dia.generate(TEXT)
    again = dia.generate(TEXT, seed=first.seed)
    assert (first.codes == again.codes).all()
    assert (first.waveform == again.waveform).all()


def test_a_long_text_is_spoken_in_pieces(dia: Dia) -> None:
    result = dia.generate("It was a fine and sunny morning in the old town. " * 12, seed=5)
    assert len(result.turns) > 2
    assert {turn.speaker for turn in result.turns} == {"S1"}
    assert result.turns[-1].end == pytest.approx(len(result.waveform) / 44100)
    assert all(a.end == b.start for a, b in pairwise(result.turns))


def test_a_voice_goes_on(dia: Dia) -> None:
    voice = make_voice()
    result = dia.generate("[S1] And on.", voices=[voice], seed=2)
    assert [turn.text for turn in result.turns] == ["And on."]
    other = dia.generate("[S1] And on.", seed=2)
    assert result.codes.tolist() != other.codes.tolist()
    take = dia.take("[S1] And on.", prompt=voice.codes.T, prompt_text="[S1] This is me.")
    assert take.text == b"\x01 This is me. \x01 And on."
    assert take.prompt == voice.frames


def test_frames_come_one_by_one(dia: Dia) -> None:
    take = dia.take(TEXT, seed=4, longest=40)
    pieces = list(dia.frames(take))
    assert {len(each) for each in pieces} == {0, 1}
    assert (np.concatenate(pieces) == take.codes).all()
    # A text is encoded in the step that makes its first column.
    assert [len(each) for each in pieces].index(1) == dia.config.max_delay


def test_whoever_stops_listening_frees_the_model(dia: Dia) -> None:
    frames = dia.frames(dia.take(TEXT))
    next(frames)
    with pytest.raises(TextToSpeechError, match="is in use"):
        dia.generate(TEXT)
    frames.close()
    list(dia.frames(dia.take(TEXT, longest=1)))


def test_progress_may_stop_it(dia: Dia) -> None:
    def stop(*_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dia.generate(TEXT, progress=stop)
    list(dia.frames(dia.take(TEXT, longest=1)))


def test_nothing_to_say(dia: Dia) -> None:
    for text in ("", "[S1] … [S2]", " . "):
        with pytest.raises(TextToSpeechError, match="nothing to say"):
            dia.take(text)
        with pytest.raises(TextToSpeechError, match="words"):
            dia.generate(text)
    with pytest.raises(TextToSpeechError, match="too long for Dia at once"):
        dia.take("word " * 2000)
    with pytest.raises(TextToSpeechError, match="a seed is a whole number"):
        dia.generate(TEXT, seed=-1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"device": "meta"}, "Dia does not run on 'meta'"),
        ({"dtype": "float16"}, "unknown dtype 'float16'"),
        ({"quantize": "int8", "dtype": "bfloat16"}, "int8 weights are for a CPU"),
        ({"dac": GOLDENS / "full9" / "dac"}, "9 of 1024: they do not belong together"),
    ],
)
def test_what_cannot_be_loaded(options: dict[str, Any], said: str) -> None:
    with pytest.raises(TextToSpeechError, match=said):
        Dia.load(SMALL, **options)


def test_not_enough_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tts.dia.memory.free", lambda _device: 1 << 20)
    with pytest.raises(TextToSpeechError, match=r"needs .* GiB of memory and 0.0 GiB are free"):
        Dia.load(SMALL)


def test_in_bfloat16_and_int8() -> None:
    for options in ({"dtype": "bfloat16"}, {"quantize": "int8"}):
        dia = Dia.load(SMALL, **options)  # type: ignore[arg-type]
        take = dia.take(TEXT, seed=1, longest=5, sampling=Sampling(top_k=20))
        assert sum(map(len, dia.frames(take))) == len(take.codes) <= 5


def python(code: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", ["Dia", "Result", "Sampling"])
def test_without_pytorch(name: str) -> None:
    done = python(f"import sys; sys.modules['torch'] = None; from tts.dia import {name}")
    last = done.stderr.splitlines()[-1]
    assert "Dia needs torch" in last
    assert "[dia]" in last


def test_it_imports_little() -> None:
    """PyTorch, NumPy and safetensors are enough to import it."""
    missing = "('transformers', 'tokenizers', 'numba', 'pydantic', 'huggingface_hub')"
    code = f"import sys; sys.modules.update(dict.fromkeys({missing})); from tts.dia import Dia"
    assert python(code).returncode == 0
