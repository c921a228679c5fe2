"""`parley transcribe`: files of all kinds to text, with times; bad ones are passed over."""

import argparse
import io
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.resample import Resampler
from agent.audio.wav import WavWriter, read_audio
from agent.cli.commands import transcribe
from agent.cli.commands.transcribe import TextOutput
from agent.config.engines import STT
from agent.config.sections import VadSettings
from agent.errors import ConfigError
from agent.transcription import utterances
from agent.turns.vad import SAMPLE_RATE, WINDOW, SileroVad
from stt import SpeechToTextError, Transcript
from tests.paths import AUDIO

CAPITAL = AUDIO / "question_capital.wav"
SAID = "what is the capital of france"


def parley(*arguments: str | Path) -> int:
    """Run `parley transcribe ARGUMENTS`."""
    parser = argparse.ArgumentParser()
    transcribe.add(parser.add_subparsers())
    args = parser.parse_args(["transcribe", *map(str, arguments)])
    status: int = args.run(args)
    return status


def write(path: Path, pcm: NDArray[np.float32], rate: int) -> Path:
    """Write a WAV file."""
    with WavWriter(path, rate, channels=pcm.ndim) as wav:
        wav.write(pcm)
    return path


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def test_text_is_a_line_per_utterance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lights, _ = read_audio(AUDIO / "command_lights.wav")
    capital, _ = read_audio(CAPITAL)
    both = np.concatenate((capital, silence(1), lights))
    assert parley(write(tmp_path / "both.wav", both, SAMPLE_RATE)) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        SAID,
        "turn on the lights in the kitchen and play some music",
    ]
    assert printed.err == ""


def test_json_gives_times_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stereo file at 44.1 kHz: the first question at 1 s, the second 3 s after its end."""
    capital, _ = read_audio(CAPITAL)
    resampler = Resampler(SAMPLE_RATE, 44100, "high")
    twice = np.concatenate((silence(1), capital, silence(3), capital, silence(1)))
    pcm = np.concatenate((resampler.process(twice), resampler.flush()))
    path = write(tmp_path / "stereo.wav", np.stack((pcm, pcm), axis=1), 44100)

    assert parley("--json", path, CAPITAL) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["file"] == str(path)
    assert first["text"] == f"{SAID} {SAID}"
    assert second["file"] == str(CAPITAL)
    assert second["text"] == SAID
    assert [word["text"] for word in first["words"]] == first["text"].split()
    alone = [word["start"] for word in second["words"]]
    starts = [word["start"] for word in first["words"]]
    assert starts[:6] == pytest.approx([start + 1 for start in alone], abs=0.1)
    again = 1 + len(capital) / SAMPLE_RATE + 3
    assert starts[6:] == pytest.approx([start + again for start in alone], abs=0.1)
    assert all(word["start"] < word["end"] for word in first["words"])


def test_bad_files_are_told_and_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corrupt, empty = tmp_path / "corrupt.wav", tmp_path / "empty.wav"
    corrupt.write_bytes(b"RIFF, but nothing else that makes sense")
    write(empty, silence(0), SAMPLE_RATE)
    missing = tmp_path / "missing.wav"
    assert parley(missing, corrupt, empty, CAPITAL) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [f"{CAPITAL}:", SAID]
    lines = printed.err.splitlines()
    assert len(lines) == 3
    for line, path in zip(lines, (missing, corrupt, empty), strict=True):
        assert line.startswith(f"parley: {path}")


def test_a_file_without_speech(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "silence.wav", silence(2), SAMPLE_RATE)
    assert parley(path) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"parley: {path}: no speech in it\n"
    assert parley("--json", path) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(path), "text": "", "words": []}


def test_the_engine_is_named_on_the_command_line_or_in_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown engine 'whispr', did you mean 'whisper'"):
        parley("--stt", "whispr", CAPITAL)
    nowhere = tmp_path / "nowhere"
    config = tmp_path / "parley.yaml"
    config.write_text(f"stt: {{engine: whisper, model: {nowhere}}}")
    with pytest.raises(SpeechToTextError, match=f"'{nowhere}' is unknown"):
        parley("--config", config, CAPITAL)
    with pytest.raises(SpeechToTextError, match=f"'{nowhere}' is unknown"):
        parley("--config", config, "--stt", "whisper", CAPITAL)  # with its settings


def test_an_engine_with_optional_word_times_is_asked_for_them() -> None:
    whisper = STT.validate({"engine": "whisper"})
    assert whisper.arguments()["word_times"] is False
    assert transcribe._with_word_times(whisper).arguments()["word_times"] is True
    pocketsphinx = STT.validate({"engine": "pocketsphinx"})
    assert transcribe._with_word_times(pocketsphinx) is pocketsphinx


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_line_grows() -> None:
    terminal = Terminal()
    output = TextOutput(terminal, titles=False)
    output.partial("what is")
    output.partial("what")
    output.final(Transcript("what is it"))
    assert terminal.getvalue() == "\rwhat is\rwhat   \r    \rwhat is it\n"


class Scripted:
    """A VAD that hears a voice where it is told to (in seconds)."""

    def __init__(self, *voices: tuple[float, float]) -> None:
        self._voices = voices

    async def load(self) -> None:
        """Nothing to load."""

    def reset(self) -> None:
        self._rest = self._window = 0

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        windows, self._rest = divmod(self._rest + len(pcm), WINDOW)
        times = [(self._window + i) * WINDOW / SAMPLE_RATE for i in range(windows)]
        self._window += windows
        return [
            0.9 if any(start <= time < end for start, end in self._voices) else 0.1
            for time in times
        ]


async def cut(seconds: float, *voices: tuple[float, float]) -> list[tuple[float, float]]:
    """The utterances in so much audio with voices there, in seconds."""

    async def blocks() -> AsyncIterator[NDArray[np.float32]]:
        pcm = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
        for start in range(0, len(pcm), SAMPLE_RATE):
            yield pcm[start : start + SAMPLE_RATE]

    spoken = utterances(blocks(), Scripted(*voices), VadSettings())
    return [(start, start + len(pcm) / SAMPLE_RATE) async for start, pcm in spoken]


@pytest.mark.anyio
async def test_utterances_are_cut_at_pauses_with_margins() -> None:
    first, second = await cut(10, (2, 4), (4.3, 5), (7, 8))
    assert first == pytest.approx((1.7, 5.3), abs=0.04)
    assert second == pytest.approx((6.7, 8.3), abs=0.04)
    assert await cut(3, (0, 3)) == [(0, 3)]
    assert await cut(3, (1, 1.05)) == []
    margins = await cut(5, (1, 2), (2.52, 3.5))  # a pause shorter than both margins
    assert margins[0][1] <= margins[1][0]


@pytest.mark.anyio
async def test_a_ten_minute_monologue_comes_in_pieces_and_none_of_it_is_lost() -> None:
    pieces = await cut(600, (0, 600))
    assert pieces[0][0] == 0
    assert pieces[-1][1] == 600
    assert all(stop - start <= 30 for start, stop in pieces)
    assert all(before[1] == after[0] for before, after in pairwise(pieces))


class Failing:
    """A recogniser that fails in its first utterance."""

    sample_rate = SAMPLE_RATE

    def __init__(self) -> None:
        self.utterances = 0
        self.closed = False

    async def load(self) -> None: ...

    async def aclose(self) -> None:
        self.closed = True

    @asynccontextmanager
    async def listen(self) -> AsyncIterator["Failing"]:
        self.utterances += 1
        yield self

    async def feed(self, pcm: NDArray[np.float32]) -> None: ...

    async def finish(self) -> Transcript:
        if self.utterances == 1:
            raise SpeechToTextError("it broke")
        return Transcript("again")


@pytest.mark.anyio
async def test_a_failing_recogniser_costs_one_file(capsys: pytest.CaptureFixture[str]) -> None:
    engine = Failing()
    output = transcribe.JsonOutput()
    files = [str(CAPITAL), str(AUDIO / "greeting.wav")]
    status = await transcribe.transcribe(files, engine, SileroVad(), VadSettings(), output)
    assert status == 1
    assert engine.closed
    printed = capsys.readouterr()
    assert printed.err == f"parley: {CAPITAL}: it broke\n"
    assert json.loads(printed.out)["text"] == "again"


def test_what_was_not_taken_for_speech_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    rejected = [Transcript("", rejected="only 0.10 s of voice")] * 2
    TextOutput(sys.stdout, titles=False).end("noise.wav", rejected)
    printed = capsys.readouterr()
    assert printed.err == "parley: noise.wav: no speech in it (only 0.10 s of voice)\n"
