"""`parley say --script`: a dialogue through a tiny Dia2, into a file or to the speaker."""

import argparse
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agent.audio.wav import read_audio
from agent.cli import main as cli
from agent.cli.commands import say
from agent.errors import AudioError, ConfigError, ParleyError
from tests import tiny_dia2
from tts import TextToSpeechError
from tts.dia2 import Dia2, Sampling
from tts.voices.making import from_result

torch.set_num_threads(1)  # these networks are too small to share out

SCRIPT = """[S1] Hello there, how are you?
[S2] Fine (laughs) <break time="0.5s"/> and you?
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dia2.make(tmp_path_factory.mktemp("dia2"), codebooks=3)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "dialogue.txt"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def parley(*arguments: str | Path) -> int:
    """Run `parley say ARGUMENTS`."""
    parser = argparse.ArgumentParser()
    say.add(parser.add_subparsers())
    args = parser.parse_args(["say", *map(str, arguments)])
    status: int = args.run(args)
    return status


class Asked:
    """What `Dia2.load` and `Dia2.generate` were asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.load: dict[str, Any] = {}
        self.generate: dict[str, Any] = {}
        load, generate = Dia2.load, Dia2.generate

        def watched_load(source: str, **options: Any) -> Dia2:
            self.load = {"source": source, **options}
            return load(source, **options)

        def watched_generate(dia2: Dia2, script: str, **options: Any) -> Any:
            self.generate = {"script": script, **options}
            return generate(dia2, script, **options)

        monkeypatch.setattr(Dia2, "load", watched_load)
        monkeypatch.setattr(Dia2, "generate", watched_generate)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def test_a_script_into_a_file(
    model: Path, script: Path, tmp_path: Path, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "out.wav"
    assert parley("--script", script, "--model", model, "-o", out, "--seed", "7") == 0
    assert asked.generate["sampling"] == Sampling()
    pcm, rate = read_audio(out)
    expected = Dia2.load(model).generate(SCRIPT, seed=7)
    assert rate == 24000
    assert np.abs(pcm - expected.waveform).max() < 1e-4
    told = capsys.readouterr()
    assert told.out == ""
    assert f"loading {model}\n" in told.err
    assert f"{len(pcm) / rate:.1f} s of speech in" in told.err
    assert ", seed 7" in told.err


def test_options(model: Path, script: Path, tmp_path: Path, asked: Asked) -> None:
    out, options = tmp_path / "out.wav", ["--cfg", "1", "--temperature", "0.7", "--top-k", "9"]
    parley("--script", script, "--model", model, "-o", out, "--tts", "dia2", *options)
    assert asked.load["guidance"] is False
    assert asked.generate["sampling"] == Sampling(0.7, 9, 0.7, 9, scale=1.0)
    assert asked.generate["seed"] is None


def test_the_configured_engine_is_taken(
    model: Path, script: Path, tmp_path: Path, asked: Asked
) -> None:
    config = tmp_path / "dia2.yaml"
    tts = {"engine": "dia2", "model": str(model), "dtype": "bfloat16", "cfg": 3, "seed": 5}
    config.write_text(json.dumps({"tts": {**tts, "audio_top_k": 20}}))
    parley("--script", script, "--config", config, "-o", tmp_path / "out.wav", "--top-k", "30")
    assert (asked.load["source"], asked.load["dtype"]) == (str(model), "bfloat16")
    assert asked.generate["seed"] == 5
    assert asked.generate["sampling"] == Sampling(text_top_k=30, audio_top_k=30, scale=3.0)


def test_voices_by_name_and_by_path(
    model: Path, script: Path, tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    dia2 = Dia2.load(model)
    for name, place in (("anna", tmp_path / "parley" / "voices"), ("ben", tmp_path)):
        said = dia2.generate("One two three.", seed=len(name))
        from_result(name, said, dia2.mimi).save(place / f"{name}.safetensors")
    common = ("--script", script, "--model", model, "--seed", "1")
    voices = ("--voice-1", "anna", "--voice-2", tmp_path / "ben.safetensors")
    parley(*common, *voices, "-o", tmp_path / "voices.wav")
    assert [voice.name for voice in asked.generate["voices"]] == ["anna", "ben"]
    frames = sum(voice.frames for voice in asked.generate["voices"])
    parley(*common, *voices, "-o", tmp_path / "all.wav", "--include-prefix")
    lengths = [len(read_audio(tmp_path / f"{name}.wav")[0]) for name in ("all", "voices")]
    assert lengths[0] >= lengths[1] + 1920 * frames
    with pytest.raises(ParleyError, match="--voice-2 needs --voice-1"):
        parley(*common, "--voice-2", "anna", "-o", tmp_path / "out.wav")
    with pytest.raises(TextToSpeechError, match="no voice 'ann': did you mean 'anna'"):
        parley(*common, "--voice-1", "ann", "-o", tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.long
def test_to_the_speaker(model: Path, script: Path, tmp_path: Path) -> None:
    common = ("--script", script, "--model", model, "--seed", "1")
    parley(*common, "--speaker", tmp_path / "played.wav", "-o", tmp_path / "made.wav")
    made, played = (read_audio(tmp_path / f"{name}.wav")[0] for name in ("made", "played"))
    assert len(played) >= len(made)
    assert np.abs(played).max() == pytest.approx(np.abs(made).max(), rel=0.1)


def test_a_script_on_stdin(
    model: Path, tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf[S1] Caf\xc3\xa9?"))
    monkeypatch.setattr(sys, "stdin", stdin)
    parley("--script", "-", "--model", model, "-o", tmp_path / "out.wav")
    assert asked.generate["script"] == "[S1] Café?"


def test_ctrl_c_leaves_no_file(
    model: Path, script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Dia2, script: str, **options: Any) -> None:
        options["progress"](1, len(script))
        raise KeyboardInterrupt

    monkeypatch.setattr(Dia2, "generate", interrupted)
    out = tmp_path / "out.wav"
    assert parley("--script", script, "--model", model, "-o", out) == 130
    assert not out.exists()


# What cannot be.


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["hello", "--script", "x"], "a text and a --script: give one of them"),
        ([], "nothing to say: give a TEXT, - for stdin, or a --script"),
        (["hello", "--seed", "0"], "--seed is for a whole script: add --script FILE"),
        (["hello", "--include-prefix"], "--include-prefix is for a whole script"),
        (["hello", "--voice-1", "anna"], "--voice-1 is for a whole script"),
        (["--script", "no.txt"], "no.txt cannot be read: No such file or directory"),
    ],
)
def test_arguments_that_do_not_go_together(arguments: list[str], line: str) -> None:
    with pytest.raises(ParleyError, match=line):
        parley(*arguments)


def test_another_engine(script: Path) -> None:
    with pytest.raises(ConfigError, match="--script is for Dia2 and Dia: leave out --tts espeak"):
        parley("--script", script, "--tts", "espeak")


@pytest.mark.parametrize(
    "option", [("--cfg", "0.5"), ("--temperature", "hot"), ("--top-k", "-1"), ("--seed", "1.5")]
)
def test_numbers_that_are_none(option: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parley("--script", "x", *option)
    assert f"is needed, not {option[1]}" in capsys.readouterr().err


def test_files_that_cannot_be_read_or_written(model: Path, tmp_path: Path, asked: Asked) -> None:
    (tmp_path / "latin.txt").write_bytes("Café".encode("latin-1"))
    with pytest.raises(ParleyError, match=r"latin\.txt is not a text in UTF-8"):
        parley("--script", tmp_path / "latin.txt", "--model", model)
    good = tmp_path / "good.txt"
    good.write_text("Hello.")
    with pytest.raises(AudioError, match="is a folder"):
        parley("--script", good, "--model", model, "-o", tmp_path)
    with pytest.raises(AudioError, match="cannot be written"):
        parley("--script", good, "--model", model, "-o", good / "out.wav")
    assert asked.load == {}  # said before anything is loaded


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[S1] ...", "nothing to say: the script has no words"),
        ('Hi <break time="1x5s"/>', "cannot read the seconds of a pause, '1x5'"),
    ],
)
def test_a_bad_script_is_one_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, line: str
) -> None:
    path, out = tmp_path / "bad.txt", tmp_path / "out.wav"
    path.write_text(text)
    status = cli.main(["say", "--script", str(path), "--model", str(model), "-o", str(out)])
    assert status == 1
    assert line in capsys.readouterr().err.splitlines()[-1]
    assert not out.exists()
