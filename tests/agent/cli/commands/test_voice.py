"""`parley voice`: as a user runs it, on a tiny model and a real recording."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.wav import WavWriter, read_audio
from agent.cli import main as cli
from tests import tiny_dia2
from tests.paths import ASSETS, AUDIO
from tts.voices.voice import Voice

WHISPER = ASSETS / "tiny_whisper"
CLIP = AUDIO / "dia2_speaker_1.wav"

WORDS = [
    {"text": "Hello", "start": 0.1, "end": 0.5},
    {"text": "Dia2", "start": 0.5, "end": 1.1},
    {"text": "fans!", "start": 1.1, "end": 1.7},
    {"text": "model.", "start": 4.2, "end": 4.8},
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dia2.make(tmp_path_factory.mktemp("dia2"))


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of voices; every process started here has it, too."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path / "data" / "parley" / "voices"


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.json"
    path.write_text(json.dumps({"file": "x", "text": "…", "words": WORDS}), encoding="utf-8")
    return path


@pytest.fixture
def amy(data: Path) -> Path:
    """A voice, of which only the file is looked at."""
    Voice("amy", np.zeros((8, 25), np.int32), (), np.zeros(4, np.float32)).save(
        data / "amy.safetensors"
    )
    return data / "amy.safetensors"


def parley(*arguments: str | Path, typed: str | None = None) -> tuple[int, str, str]:
    """Run `parley voice ARGUMENTS`: status, output, complaints; `typed` on a terminal, if any."""
    command = [sys.executable, "-m", "agent.cli", "voice", *map(str, arguments)]
    ours, theirs = pty.openpty() if typed is not None else (None, subprocess.DEVNULL)
    try:
        if ours is not None:
            os.write(ours, (typed or "\x04").encode())
        done = subprocess.run(
            command, stdin=theirs, capture_output=True, text=True, timeout=120, check=False
        )
    finally:
        if ours is not None:
            os.close(ours)
            os.close(theirs)
    return done.returncode, done.stdout, done.stderr


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run it here, without a terminal: the one line of complaint."""
    status = cli.main(["voice", *map(str, arguments)])
    complaint = capsys.readouterr().err
    assert status == 1
    assert complaint.startswith("parley: ")
    assert complaint.count("\n") == 1
    return complaint


def write(path: Path, pcm: NDArray[np.floating], rate: int) -> Path:
    with WavWriter(path, rate) as file:
        file.write(pcm)
    return path


def tone(seconds: float, rate: int) -> NDArray[np.float64]:
    return np.asarray(0.3 * np.sin(np.arange(round(seconds * rate)) * 0.1))


class TestNew:
    @pytest.mark.long
    def test_invented_kept_listed_played_removed(
        self, model: Path, data: Path, tmp_path: Path
    ) -> None:
        options = ("--model", model, "--text", "Hello there, my friend.")
        status, output, complaints = parley(
            "new", "amy", "--seed", "5", "--candidates", "2", "--keep", "2", *options
        )
        assert status == 0, complaints
        assert re.search(r"candidate 1 \(seed 5, \d+\.\d s\): .*/amy/1\.wav", complaints)
        assert output == f"kept candidate 2 (seed 6) as 'amy': {data / 'amy.safetensors'}\n"

        voice = Voice.load(data / "amy.safetensors")
        heard, rate = read_audio(data / "candidates" / "amy" / "2.wav")
        assert len(heard) / rate == pytest.approx(voice.seconds, abs=0.081)
        assert voice.text == "Hello there, my friend."
        starts = [word.start for word in voice.words]
        assert starts == sorted(starts)
        assert voice.provenance["seed"] == "6"
        assert voice.provenance["model"] == str(model)
        assert voice.provenance["made"].startswith("20")

        status, output, _ = parley("list")
        assert status == 0
        assert re.fullmatch(r"amy +\d+\.\d s +4 words  invented by .*, seed 6 \(Dia2\)\n", output)

        played = tmp_path / "played.wav"
        status, output, complaints = parley("play", "amy", "--model", model, "--speaker", played)
        assert status == 0, complaints
        assert output.startswith("amy: Hello there, my friend.\n  source: invented")
        pcm, rate = read_audio(played)
        assert len(pcm) / rate >= voice.seconds
        assert np.abs(pcm).max() == pytest.approx(np.abs(heard).max(), abs=0.01)

        assert parley("remove", "amy", "--yes")[:2] == (0, "removed amy\n")
        assert not list(data.rglob("*.*"))

    @pytest.mark.long
    def test_the_choice_is_asked_for(self, model: Path, data: Path, tmp_path: Path) -> None:
        options = ("--model", model, "--text", "Hi.", "--candidates", "2", "--seed", "1")
        heard = tmp_path / "heard.wav"
        status, output, complaints = parley(
            "new", "amy", *options, "--speaker", heard, typed="7\n1\n"
        )
        assert status == 0, complaints
        assert output.count("keep which (1 2, p to play again, Enter for none)?") == 2
        assert "playing candidate 2" in output
        assert "kept candidate 1 (seed 1)" in output
        assert Voice.load(data / "amy.safetensors").provenance["seed"] == "1"
        assert len(read_audio(heard)[0]) > 0

    @pytest.mark.long
    def test_none_is_kept(self, model: Path, data: Path) -> None:
        options = ("--model", model, "--text", "Hi.", "--candidates", "1", "--seed", "1")
        status, output, complaints = parley(
            "new", "amy", *options, "--speaker", "no such device", typed="\n"
        )
        assert status == 1, complaints
        assert "not heard here, only written" in output
        assert output.endswith("none kept\n")
        assert not list(data.glob("*.safetensors"))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ([], "add --keep K"),
            (["--keep", "4"], "there are 3 candidates"),
            (["--keep", "1", "--model", "/no/such"], "no folder /no/such"),
            (["--keep", "1", "--config", "/no/such.yaml"], "/no/such.yaml"),
        ],
    )
    def test_mistakes(
        self, options: list[str], message: str, capsys: pytest.CaptureFixture[str], data: Path
    ) -> None:
        status = cli.main(["voice", "new", "amy", *options])
        *_, complaint = capsys.readouterr().err.splitlines()
        assert (status, message in complaint) == (1, True)
        assert not data.exists()

    def test_no_name_and_a_name_in_use(self, amy: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "no name for a voice" in fails(capsys, "new", "../amy", "--keep", "1")
        before = amy.read_bytes()
        assert "--yes" in fails(capsys, "new", "amy", "--keep", "1")
        assert amy.read_bytes() == before

    @pytest.mark.parametrize("option", ["--keep=0", "--seed=-1", "--candidates=x"])
    def test_numbers(self, option: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            cli.main(["voice", "new", "amy", option])
        assert "a whole number from" in capsys.readouterr().err

    def test_a_text_without_words(self, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
        options = ("--keep", "1", "--model", model, "--text", "…")
        assert cli.main(["voice", "new", "amy", *map(str, options)]) == 1
        assert "no words" in capsys.readouterr().err


class TestAdd:
    @pytest.mark.long
    def test_from_a_recording(self, model: Path, data: Path, words: Path) -> None:
        status, output, complaints = parley(
            "add", "ada", CLIP, "--words", words, "--consent", "--model", model
        )
        assert (status, complaints) == (0, "")
        assert "'ada' says: Hello Dia2 fans! model.\n" in output
        voice = Voice.load(data / "ada.safetensors")
        assert voice.codebooks == 8
        assert voice.seconds >= voice.words[-1].end + 0.6
        assert voice.words[1].start - voice.words[0].start == pytest.approx(0.4)
        assert voice.provenance["source"] == "recorded: dia2_speaker_1.wav"
        assert re.fullmatch(r"confirmed with --consent, 20.*", voice.provenance["consent"])

    @pytest.mark.long
    def test_consent_is_asked_for(self, model: Path, data: Path, words: Path) -> None:
        arguments = ("add", "ada", CLIP, "--words", words, "--model", model)
        status, output, complaints = parley(*arguments, typed="\n")
        assert status == 1
        assert output.startswith("A voice may be made from a recording only if its speaker agrees.")
        assert complaints == "parley: no voice is made without the speaker's consent\n"
        assert not data.exists()
        assert parley(*arguments, typed="")[0] == 1  # the end of what is typed is no consent
        status, _, complaints = parley(*arguments, typed="y\n")
        assert (status, complaints) == (0, "")
        consent = Voice.load(data / "ada.safetensors").provenance["consent"]
        assert consent.startswith("confirmed on the terminal, 20")

    def test_no_terminal_no_consent(
        self, data: Path, words: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert "--consent" in fails(capsys, "add", "ada", CLIP, "--words", words)
        assert not data.exists()

    @pytest.mark.long
    def test_a_telephone(self, model: Path, data: Path, tmp_path: Path) -> None:
        clip = write(tmp_path / "telephone.wav", tone(4, 8_000), 8_000)
        listed = tmp_path / "list.json"
        listed.write_text('[{"text": "beep", "start": 0.5, "end": 3.5}]', encoding="utf-8")
        status, _, complaints = parley(
            "add", "beep", clip, "--words", listed, "--consent", "--model", model
        )
        assert status == 0
        assert "telephone.wav: the recording has 8000 Hz" in complaints
        assert Voice.load(data / "beep.safetensors").seconds == pytest.approx(4.1, abs=0.1)

    @pytest.mark.parametrize(
        ("seconds", "loudness", "message"),
        [(5, 0.001, "only silence"), (70, 1, "70 s long, the limit is 60 s"), (0.3, 1, "only 0.3")],
    )
    def test_a_recording_of_no_use(
        self,
        tmp_path: Path,
        seconds: float,
        loudness: float,
        message: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        clip = write(tmp_path / "clip.wav", loudness * tone(seconds, 16_000), 16_000)
        complaint = fails(capsys, "add", "x", clip, "--consent")
        assert f"{clip}: " in complaint
        assert message in complaint

    def test_no_recording(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "no such file" in fails(capsys, "add", "x", tmp_path / "no.wav", "--consent")
        (tmp_path / "text.wav").write_text("text")
        assert "not an audio file" in fails(capsys, "add", "x", tmp_path / "text.wav", "--consent")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("{", "is not JSON"),
            ("{}", "has no words"),
            ("[]", "has no words"),
            ("3", "has no words"),
            ('[{"text": "a", "start": 0}]', "word 1 is {"),
            ('["a"]', 'word 1 is "a"'),
            ('[{"text": "a", "start": 0, "end": NaN}]', "word 1 is {"),
            ('[{"text": "a", "start": 1, "end": 90}]', "another recording"),
            ('[{"text": "a", "start": 1, "end": 0}]', "out of order"),
        ],
    )
    def test_words_of_no_use(
        self, tmp_path: Path, content: str, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "words.json"
        path.write_text(content, encoding="utf-8")
        assert message in fails(capsys, "add", "x", CLIP, "--words", path, "--consent")

    def test_words_that_cannot_be_read(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for path in (tmp_path, tmp_path / "no.json"):
            assert "cannot be read" in fails(capsys, "add", "x", CLIP, "--words", path)
        (tmp_path / "latin.json").write_bytes(b'[{"text": "\xe9"}]')
        assert "not JSON" in fails(capsys, "add", "x", CLIP, "--words", tmp_path / "latin.json")

    @pytest.mark.long
    def test_whisper_hears_the_words(self, model: Path, data: Path, tmp_path: Path) -> None:
        """A real Whisper, though a tiny one that knows few sentences."""
        clip = CLIP.parent / "command_timer.wav"
        config = tmp_path / "agent.yaml"
        config.write_text(
            f"stt: {{engine: whisper, model: {WHISPER}, language: en}}", encoding="utf-8"
        )
        status, output, complaints = parley(
            "add", "ada", clip, "--consent", "--model", model, "--config", config
        )
        assert status == 0
        assert complaints.endswith("listening to the words\n")  # after a word on its length
        voice = Voice.load(data / "ada.safetensors")
        assert f"'ada' says: {voice.text}" in output
        assert "timer for ten minutes" in voice.text
        assert voice.provenance["words"] == "heard by Whisper"


class TestKept:
    def test_none_yet(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["voice", "list"]) == 0
        assert "no voices in" in capsys.readouterr().out
        assert "there are none yet" in fails(capsys, "play", "amy")

    def test_a_file_that_is_no_voice(self, amy: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (amy.parent / "bob.safetensors").write_text("no")
        assert cli.main(["voice", "list"]) == 1
        output, complaint = capsys.readouterr()
        assert output.startswith("amy    2.0 s")
        assert "bob.safetensors is not a voice" in complaint

    def test_a_voice_of_another_model(
        self, amy: Path, model: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert "from another model" in fails(capsys, "play", amy, "--model", model)

    def test_remove_asks(self, amy: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "--yes" in fails(capsys, "remove", "amy")
        status, output, _ = parley("remove", "amy", typed="n\n")
        assert (status, output) == (1, "remove the voice 'amy'? [y/N] nothing removed\n")
        assert amy.exists()
        assert parley("remove", "amy", typed="yes\n")[0] == 0
        assert not amy.exists()

    def test_remove_only_voices(self, amy: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "did you mean 'amy'" in fails(capsys, "remove", "amya", "--yes")
        assert "no name for a voice" in fails(capsys, "remove", amy, "--yes")
        assert amy.exists()
