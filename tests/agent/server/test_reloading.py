"""A server's configuration is read again: whoever comes from then on has it, and nobody else."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import anyio
import openai
import pytest

from agent.agent import Agent
from agent.config.load import Config
from agent.server.reloading import reload
from agent.server.running import Place, running
from agent.server.server import Server
from tests.processes import ended

pytestmark = pytest.mark.anyio


def config(pitch: int, **sections: object) -> Config:
    agent = {"instructions": f"Be {pitch}."}
    tts = {"engine": "espeak", "pitch": pitch}
    return Config.model_validate({"agent": agent, "tts": tts, **sections})


def pitches(server: Server) -> list[int]:
    """Of the voices that are loaded."""
    return [section.arguments()["pitch"] for section, _ in server.agent.pool._tts]


async def test_who_comes_later_has_it_and_the_old_engines_go_with_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, seen, gone = Server(Agent(config(40))), [], anyio.Event()
    await server.load()
    close = server.agent.aclose

    async def closed() -> None:
        await close()
        gone.set()

    monkeypatch.setattr(server.agent, "aclose", closed)
    async with (
        running(server, Place(port=0)) as address,
        openai.AsyncOpenAI(base_url=f"{address}v1", api_key="none") as client,
    ):
        async with client.realtime.connect(model="any") as old:
            seen.append(await old.recv())
            after = config(60, server={"sessions": 3}, wake={"words": ["hey parley"]})
            done = await reload(server, config(40), after)
            assert str(done) == (
                "changed for those who come from now on: agent.instructions, tts.pitch; "
                "needs a restart: server.sessions (read at the start)"
            )
            async with client.realtime.connect(model="any") as new:
                seen.append(await new.recv())
            assert pitches(server) == [40, 60]
            await old.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            assert (await old.recv()).type == "session.updated"
        instructions = [each.session.instructions for each in seen]  # type: ignore[union-attr]
        assert instructions == ["Be 40.", "Be 60."]
        with anyio.fail_after(10):
            await gone.wait()
        assert pitches(server) == [60]
    await server.aclose()
    assert pitches(server) == []


async def test_what_cannot_be_loaded_changes_nothing() -> None:
    server = Server(Agent(config(40)))
    await server.load()
    broken = config(60, llm={"adapter": "llama", "model": "/no/such.gguf"})
    with pytest.raises(Exception, match=r"no/such\.gguf"):
        await reload(server, config(40), broken)
    assert server.agent.config == config(40)
    assert pitches(server) == [40]
    await server.aclose()


@pytest.mark.realtime
def test_by_a_signal_and_by_a_file_that_changes(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("agent: {instructions: Old.}\n")
    command = [sys.executable, "-m", "agent.cli", "serve", str(path), "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}

    def told(process: "subprocess.Popen[str]") -> tuple[str, str]:
        assert process.stderr is not None
        for line in process.stderr:
            record = json.loads(line)
            if record.get("code", "").startswith("config."):
                return record["code"], record["message"]
        raise AssertionError

    def instructions(address: str) -> str:
        request = Request(f"{address}v1/realtime/client_secrets", b"{}", method="POST")
        with urlopen(request, timeout=10) as answer:
            return str(json.load(answer)["session"]["instructions"])

    with ended(subprocess.Popen([*command, "--watch"], text=True, **pipes)) as serve:  # type: ignore[call-overload]
        assert serve.stdout is not None
        address = next(line for line in serve.stdout if line.startswith("page")).split()[1]
        assert "ready\n" in iter(serve.stdout.readline, "")
        path.write_text("agent: {instructions: New.}\n")
        code, message = told(serve)
        assert code == "config.reloaded"
        assert message == "changed for those who come from now on: agent.instructions"
        assert instructions(address) == "New."
        path.write_text("agent: {instrctions: Broken.}\n")
        code, message = told(serve)
        assert code == "config.refused"
        assert message.endswith("did you mean 'instructions'?; what was read before goes on")
        os.kill(serve.pid, signal.SIGHUP)
        assert told(serve)[0] == "config.refused"
        assert instructions(address) == "New."
        serve.terminate()
        assert serve.wait(20) == 0
