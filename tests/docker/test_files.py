"""The files for containers and Home Assistant; what each step does: `python -m docker.check`."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.config.load import parse_config
from docker.steps import Stage, read
from tests.paths import ROOT

ADDON = ROOT / "homeassistant" / "parley"
DOCKERFILES = [ROOT / "Dockerfile", ADDON / "Dockerfile"]


def steps(name: str) -> list[str]:
    return [value for instruction, value in read(ROOT / "Dockerfile") if instruction == name]


def loaded(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


@pytest.mark.parametrize("path", DOCKERFILES, ids=["server", "add-on"])
def test_hadolint_finds_nothing(path: Path) -> None:
    program = shutil.which("hadolint", path=sysconfig.get_path("scripts"))
    assert program, "no hadolint here: the extra tools are in the group dev"
    done = subprocess.run([program, path], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_the_image_is_a_user_s_watched_and_keeps_its_models() -> None:
    assert steps("USER") == ["1000"]
    assert steps("VOLUME") == ["/models"]
    (health,) = steps("HEALTHCHECK")
    assert "/healthz" in json.loads(health.partition("CMD")[2])[-1]


def test_what_the_image_is_made_of_is_there() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    names = [line[1:] for line in lines if line.startswith("!")]
    assert [name for name in names if not (ROOT / name).exists()] in ([], ["wheels"])
    wheel = (ROOT / "pyproject.toml").read_text("utf-8").partition("packages = [")[2]
    assert set(json.loads(f"[{wheel.partition(']')[0]}]")) <= set(names)


@pytest.mark.parametrize(("cuda", "extras"), [("", "server,echo"), ("1", "server,echo,dia,dia2")])
def test_cuda_is_an_argument(cuda: str, extras: str) -> None:
    stage = Stage(Path("/"), "", arguments={"CUDA": cuda})
    (given,) = [value for value in steps("ARG") if value.startswith("EXTRAS=")]
    assert stage.expand(given.partition("=")[2].strip('"')) == extras


def test_compose_starts_parley_when_the_model_is_there() -> None:
    services = loaded(ROOT / "compose.yaml")["services"]
    assert services["parley"]["depends_on"] == {
        "model": {"condition": "service_completed_successfully"}
    }
    folder = ROOT / "docker"
    config = parse_config((folder / "parley.yaml").read_bytes(), "docker/parley.yaml")
    assert config.llm.model_dump()["base_url"] == "http://ollama:11434/v1"
    assert f"pull {config.llm.model_dump()['model']}" == services["model"]["command"]
    for service in services.values():
        for volume in service.get("volumes", []):
            name = volume.partition(":")[0]
            assert name in ("models", "ollama") or (ROOT / name).exists()


def test_the_add_on_is_described() -> None:
    config = loaded(ADDON / "config.yaml")
    assert {"name", "version", "slug", "description", "arch"} <= set(config)
    assert config["discovery"] == ["wyoming"]
    assert set(config["options"]) <= set(config["schema"])
    assert set(loaded(ADDON / "build.yaml")["build_from"]) == set(config["arch"])
    words = loaded(ADDON / "translations" / "en.yaml")
    assert set(words["configuration"]) == set(config["schema"])
    assert set(words["network"]) == set(config["ports"])
    parse_config((ADDON / "parley.yaml").read_bytes(), "parley.yaml")
    version = (ROOT / "pyproject.toml").read_text("utf-8").partition('version = "')[2]
    assert config["version"] == version.partition('"')[0]


RUN = """
import json, runpy, sys
from pathlib import Path
run = runpy.run_path(sys.argv[1])
print(json.dumps(run["command"](json.loads(sys.argv[2]), Path("/config"), Path("/parley.yaml"))))
"""
WYOMING = ["--wyoming", "0.0.0.0:10300", "--insecure"]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (
            {"language": "de", "voice": "de_DE-thorsten-medium"},
            ["/parley.yaml", "--set", "language=de", "--set", "tts.voice=de_DE-thorsten-medium"],
        ),
        (
            {"language": "en", "voice": "x", "config": "mine.yaml"},
            ["/config/mine.yaml", "--set", "language=en"],
        ),
        (
            {"llm_url": "http://ollama:11434/v1", "llm_model": "llama3.2"},
            [
                *("/parley.yaml", "--set", "llm.adapter=openai", "--set"),
                *("llm.base_url=http://ollama:11434/v1", "--set", "llm.model=llama3.2"),
            ],
        ),
    ],
)
def test_the_add_on_s_options_are_a_command(options: dict[str, str], wanted: list[str]) -> None:
    told = [sys.executable, "-c", RUN, str(ADDON / "run.py"), json.dumps(options)]
    done = subprocess.run(told, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["parley", "serve", *wanted, *WYOMING]


ANNOUNCE = "import runpy, sys; runpy.run_path(sys.argv[1])['announce'](sys.argv[2], 'a-token')"


def test_home_assistant_is_told_of_it() -> None:
    told: list[tuple[str, str | None, dict[str, Any]]] = []

    class Supervisor(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told.append((self.path, self.headers["authorization"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Supervisor) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        run = [sys.executable, "-c", ANNOUNCE, str(ADDON / "run.py"), address]
        done = subprocess.run(run, capture_output=True, text=True, check=True)
        server.shutdown()
    assert done.stderr == ""
    ((path, key, body),) = told
    assert (path, key, body["service"]) == ("/discovery", "Bearer a-token", "wyoming")
    assert re.fullmatch(r"tcp://[^:/]+:10300", body["config"]["uri"])


def test_home_assistant_that_does_not_listen_is_told_of_in_one_line() -> None:
    run = [sys.executable, "-c", ANNOUNCE, str(ADDON / "run.py"), "http://127.0.0.1:1"]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    (line,) = done.stderr.splitlines()
    assert "add Wyoming by hand" in line
