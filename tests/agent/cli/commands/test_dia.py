"""Dia as a user meets it: `parley say`, `parley say --script`, `parley voice`, on a tiny model."""

import json
import re
from pathlib import Path

import pytest
import torch

from agent.audio.wav import read_audio
from agent.cli import main as cli
from tests.paths import AUDIO, DIA_GOLDENS
from tests.tts.dia2.serving.utterances import checkpoint
from tts.voices.voice import Voice, engines_of

torch.set_num_threads(1)  # these networks are too small to share out

MODEL = DIA_GOLDENS / "small5"
CLIP = AUDIO / "dia2_speaker_1.wav"
SCRIPT = "[S2] Hello there, my friend. [S1] (laughs) Good to hear from you."


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of voices; takes are short."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tts.dia.serving.utterance.SLACK", 0.0)
    monkeypatch.setattr("tts.dia.serving.utterance.SLACK_S", 0.3)
    monkeypatch.setattr("tts.dia.serving.prepare.real_time_factor", lambda *_: 0.5)
    return tmp_path / "data" / "parley" / "voices"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "dia.yaml"
    path.write_text(json.dumps({"tts": {"engine": "dia", "model": str(MODEL), "seed": 11}}))
    return path


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.txt"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.json"
    path.write_text(json.dumps([{"text": "Hello", "start": 0.1, "end": 0.5}]))
    return path


def parley(*arguments: str | Path) -> int:
    return cli.main([*map(str, arguments)])


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The last line, which is the complaint."""
    assert parley(*arguments) == 1
    return capsys.readouterr().err.splitlines()[-1]


def add(config: Path, words: Path, *others: str | Path) -> int:
    """Make the voice `ada` of a recording."""
    consent = ("--consent", "--config", config, "--words", words)
    return parley("voice", "add", "ada", CLIP, *consent, *others)


def test_say(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "said.wav"
    assert parley("say", "Hello there.", "--config", config, "-o", file) == 0
    pcm, rate = read_audio(file)
    assert rate == 44_100
    assert len(pcm)


def test_a_script(
    config: Path, script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, again = tmp_path / "said.wav", tmp_path / "again.wav"
    assert parley("say", "--script", script, "--config", config, "-o", file) == 0
    told = capsys.readouterr().err
    assert re.search(r"\d\.\d s of speech in \d+\.\d s, seed 11\n", told)
    options = ("--tts", "dia", "--model", MODEL, "--seed", "11", "--cfg", "3")
    assert parley("say", "--script", script, "-o", again, *options) == 0
    assert file.read_bytes() == again.read_bytes()


def test_scripts_that_are_refused(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "script.txt"
    for text, complaint in (
        ("[S1] Hi. [S3] No.", "parley: [S3]: Dia has two speakers, [S1] and [S2]"),
        ("[S1] [S2]", "parley: nothing to say: the script has no words"),
    ):
        path.write_text(text)
        assert fails(capsys, "say", "--script", path, "--config", config) == complaint
    path.write_text("[S1] Hi.")
    options = ("say", "--script", path, "--config", config)
    told = fails(capsys, *options, "--temperature", "0.5")
    assert told == "parley: temperature must be at least 1, or 0"
    assert "needs --voice-1" in fails(capsys, *options, "--voice-2", "ada")


def test_a_voice_of_a_recording(
    config: Path, script: Path, words: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(config, words) == 0
    path = data / "ada.safetensors"
    assert engines_of(path) == ["dia"]
    voice = Voice.load(path, "dia")
    assert voice.text == "Hello"
    assert "s, for Dia)" in capsys.readouterr().out
    assert parley("voice", "list") == 0
    assert "(Dia)" in capsys.readouterr().out
    file, played = data / "said.wav", data / "played.wav"
    own = ("--voice-1", "ada", "--include-prefix", "-o", file)
    assert parley("say", "--script", script, "--config", config, *own) == 0
    pcm, rate = read_audio(file)
    assert len(pcm) / rate >= voice.seconds
    assert parley("voice", "play", "ada", "--config", config, "--speaker", played) == 0
    told = fails(capsys, "say", "--script", script, "--tts", "dia2", "--voice-1", "ada")
    assert "is for Dia, not for Dia2" in told
    assert "parley voice add NAME CLIP --for dia dia2" in told


def test_a_voice_that_is_invented(
    config: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--config", config, "--seed", "3", "--candidates", "1", "--keep", "1")
    assert parley("voice", "new", "ben", "--text", "Hello there.", *options) == 0
    voice = Voice.load(data / "ben.safetensors", "dia")
    assert voice.text == "Hello there."
    assert voice.provenance["seed"] == "3"
    assert "kept candidate 1 (seed 3)" in capsys.readouterr().out


def test_recordings_that_are_refused(
    config: Path, words: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import numpy as np

    from agent.audio.wav import WavWriter

    def clip(seconds: float, level: float = 0.3) -> Path:
        path = tmp_path / f"{seconds}-{level}.wav"
        with WavWriter(path, 44_100) as file:
            file.write(level * np.sin(np.arange(round(seconds * 44_100)) * 0.1))
        return path

    options = ("--consent", "--config", config, "--words", words)
    for path, complaint in (
        (clip(0.5), "only 0.5 s of sound in the recording: 5 to 10 s are best for Dia"),
        (clip(60), "60 s long, the limit is 20 s: 5 to 10 s are best for Dia"),
        (clip(6, 0.0), "there is only silence in the recording"),
    ):
        assert complaint in fails(capsys, "voice", "add", "ada", path, *options)
    words.write_text("[]")
    assert "has no words" in fails(capsys, "voice", "add", "ada", CLIP, *options)


def test_one_recording_for_both_engines(
    words: Path, script: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file, which each of them speaks in."""
    other = {"engine": "dia2", "model": str(checkpoint(tmp_path / "dia2"))}
    config = tmp_path / "both.yaml"
    own = {"engine": "dia", "model": str(MODEL), "seed": 11}
    config.write_text(json.dumps({"tts": {**own, "fallback": [other]}}))
    assert add(config, words, "--for", "dia", "dia2") == 0
    assert "for Dia and Dia2)" in capsys.readouterr().out
    path = data / "ada.safetensors"
    assert engines_of(path) == ["dia2", "dia"]
    assert [Voice.load(path, each).text for each in ("dia2", "dia")] == ["Hello", "Hello"]
    second = tmp_path / "dia2.yaml"
    second.write_text(json.dumps({"tts": {**other, "seed": 11}}))
    for each in (config, second):
        said = tmp_path / f"{each.stem}.wav"
        options = ("--config", each, "--voice-1", "ada", "-o", said)
        assert parley("say", "--script", script, *options) == 0
        assert read_audio(said)[0].any()


def test_one_model_for_two_engines(
    config: Path, words: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(config, words, "--model", MODEL, "--for", "dia", "dia2") == 1
    assert "--model names one model, --for two engines" in capsys.readouterr().err


def test_an_engine_of_the_command_line_has_keys_of_its_own(tmp_path: Path) -> None:
    """`--set` is of the voice that `--tts` names, not of the configured one."""
    output = tmp_path / "said.wav"
    keys = ("--set", f"tts.model={MODEL}", "--set", "tts.seed=11")
    assert parley("say", "--tts", "dia", *keys, "Hello there.", "-o", output) == 0
    assert read_audio(output)[1] == 44100
