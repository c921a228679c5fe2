"""`parley serve --wyoming`, with engines that need no download, as Home Assistant sees it."""

import socket
import subprocess
import sys

import anyio
import pytest
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeVoice

from agent.cli.main import main
from tests.agent.server.wyoming.conftest import ask, client
from tests.agent.server.wyoming.test_connection import spoken
from tests.processes import ended

pytestmark = pytest.mark.realtime

STOPPED = "synthesize-stopped"


def test_it_hears_what_it_says_and_answers() -> None:
    command = [sys.executable, "-m", "agent.cli", "serve", "offline", "--port", "0"]
    command += ["--wyoming", "0"]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as serve:
        try:
            assert serve.stdout is not None
            line = next(line for line in serve.stdout if line.startswith("wyoming"))
            assert "ready" in next(line for line in serve.stdout if line.startswith("ready"))
            anyio.run(_talk, int(line.split("port")[1].split(",")[0]))
        finally:
            serve.terminate()
    assert serve.returncode == 0


async def _talk(port: int) -> None:
    async with client(port) as home:
        (info,) = await ask(home, Describe(), until="info")
        voices = {each.name: each for each in Info.from_event(info).tts[0].voices}
        assert voices["en-us"].languages == ["en-US"]
        assert voices["de"].languages == ["de"]
        english = await ask(home, Synthesize("hundert"), until="audio-stop")
        german = await ask(home, Synthesize("hundert", SynthesizeVoice("de")), until="audio-stop")
        assert [e.payload for e in english] != [e.payload for e in german]
    async with client(port) as home:
        events = await ask(home, *spoken("What time is it? And who are you?"), until=STOPPED)
    chunks = [AudioChunk.from_event(event) for event in events if event.type == "audio-chunk"]
    start = AudioStart(chunks[0].rate, chunks[0].width, chunks[0].channels)
    async with client(port) as home:
        asked = (Transcribe(), start, *chunks, AudioStop())
        *told, heard = await ask(home, *asked, until="transcript")
        assert {event.type for event in told} <= {"transcript-start", "transcript-chunk"}
        assert "who are you" in Transcript.from_event(heard).text
        answer = await ask(home, Transcript("repeat after me hello house"), until="handled-stop")
        assert answer[-2].data["text"] == "hello house"


def test_another_host_has_to_be_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "offline", "--wyoming", "0.0.0.0:0"]) == 1
    assert "--insecure" in capsys.readouterr().err


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "offline", "--port", "0", "--wyoming", str(port)]) == 1
    told = capsys.readouterr().err
    assert f"port {port}" in told
    assert len(told.splitlines()) == 1
