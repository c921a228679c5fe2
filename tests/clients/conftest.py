"""The real `parley serve`, with a language model of a few lines, and programs of the clients'."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soxr
import yaml

from agent.audio.wav import read_audio
from configs import QUESTION
from tests.llm_adapters import chat_server
from tests.llm_adapters.chat_server import ChatServer, Exchange, event
from tests.paths import ROOT

KEY = "sk-a-key-of-the-tests"
STORY = " ".join(["one two three four five six seven eight nine ten"] * 4)
"""11 s of speech."""
ENVIRONMENTS = ROOT / ".clients"
PROGRAMS = Path(__file__).parent / "programs"


async def scripted(x: Exchange) -> None:
    """Looks capitals up with a tool, if it has one, and tells a story."""
    last = x.body["messages"][-1]
    said = str(last["content"]).lower()
    await x.start()
    if last["role"] == "tool":
        found = last["content"].strip('"')  # JSON, of some clients
        await x.say("It is ", f"{found}.")
    elif "story" in said:
        await x.say(*(f"{word} " for word in STORY.split()))
    elif "capital" in said and x.body.get("tools"):
        function = {"name": "capital_of", "arguments": '{"country": "France"}'}
        call = {"index": 0, "id": f"call_{x.tries}", "type": "function", "function": function}
        # Models take their time, and Pipecat needs some: a tool call that comes in one burst with
        # the end of the user's turn is dropped there now and then.
        await asyncio.sleep(1)
        await x.write(event({"role": "assistant", "tool_calls": [call]}))
        await x.write(event({}, finish="tool_calls"))
        await x.write(b"data: [DONE]\n\n", more=False)
        return
    elif "capital" in said:
        await x.say("The capital ", "of France ", "is Paris.")
    else:
        await x.say("You said ", said)
    await x.end()


def run(program: str, environment: str, *arguments: object, **variables: str) -> dict[str, Any]:
    """Run one of the programs in a client's environment; returns what it says it has got."""
    home = ENVIRONMENTS / environment
    assert home.exists(), "the clients are not installed: make test-clients"
    runs = ["node"] if program.endswith(".mjs") else [str(home / "bin" / "python")]
    ran = subprocess.run(
        [*runs, PROGRAMS / program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=home,
        env={**os.environ, **variables},
    )
    print(ran.stdout[-4000:], ran.stderr[-4000:])  # for when something fails
    assert ran.returncode == 0
    got: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return got


@dataclass
class Parley:
    """A running server."""

    address: str
    """Host and port."""
    question: Path
    """What is the capital of France? PCM, 16 bit, 24 kHz."""
    llm: ChatServer

    def meets(self, program: str, environment: str, **variables: str) -> dict[str, Any]:
        """Run one of the programs against it; returns what that says it has got."""
        self.llm.clear()
        return run(program, environment, self.address, KEY, self.question, **variables)

    def told(self, role: str) -> list[str]:
        """What the language model was told last that somebody has said."""
        messages = self.llm.exchanges[-1].body["messages"]
        return [each["content"] for each in messages if each["role"] == role and each["content"]]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server's files are."""
    return tmp_path_factory.mktemp("clients")


@pytest.fixture(scope="session")
def llm() -> Iterator[ChatServer]:
    """The language model's server."""
    with pytest.MonkeyPatch.context() as patch, chat_server.serving() as llm:
        patch.setitem(chat_server.BEHAVIOURS, "scripted", scripted)
        yield llm


@pytest.fixture(scope="session")
def parley(folder: Path, llm: ChatServer) -> Iterator[Parley]:
    """`parley serve` with a key: pocketsphinx, the language model above, espeak."""
    with _serving(folder, llm) as parley:
        yield parley


@pytest.fixture
def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed."""
    path = folder / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    make += ["-subj", "/CN=parley", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = [*make, "-keyout", str(folder / "key.pem"), "-out", str(path)]
    subprocess.run(made, check=True, capture_output=True)
    return path


@pytest.fixture
def parley_with_tls(folder: Path, llm: ChatServer, certificate: Path) -> Iterator[Parley]:
    """The same with a certificate."""
    key = str(folder / "key.pem")
    with _serving(folder, llm, "--tls-cert", str(certificate), "--tls-key", key) as parley:
        yield parley


def write_question(folder: Path) -> Path:
    """What is the capital of France? PCM, 16 bit, 24 kHz."""
    pcm, rate = read_audio(QUESTION)
    path = folder / "question.pcm"
    path.write_bytes((soxr.resample(pcm, rate, 24000) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="session")
def question(folder: Path) -> Path:
    """The same, for programs without a server."""
    return write_question(folder)


@contextmanager
def _serving(folder: Path, llm: ChatServer, *options: str) -> Iterator[Parley]:
    question = write_question(folder)
    config = folder / "config.yaml"
    model = {"adapter": "openai", "base_url": llm.url, "model": "scripted", "api_key": "none"}
    config.write_text(yaml.safe_dump({"llm": model}))
    command = [sys.executable, "-m", "agent.cli", "serve", str(config), "--port", "0"]
    with subprocess.Popen(
        [*command, "--api-key", KEY, *options], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as serve:
        try:
            assert serve.stdout is not None
            page = next(line for line in serve.stdout if line.startswith("page"))
            assert any(line.startswith("ready") for line in serve.stdout)
            yield Parley(page.split("//")[1].strip().rstrip("/"), question, llm)
        finally:
            serve.terminate()
    assert serve.returncode == 0
