"""Executes each step of a Dockerfile in a clean root, where no container can be built.

    sudo python -m docker.check [--build-arg NAME=VALUE] [--config FILE] [--models DIR]
    sudo python -m docker.check --add-on   # that of homeassistant/parley, with its wheels beside it

It is no Docker: `FROM` is Debian's bookworm with its Python 3.11, which debootstrap puts into a
folder, in the place of python:3.11-slim-bookworm; a step runs in a chroot, on this machine's kernel
and network. What is found: whether every step works, how large the result is, whether the server
starts as its user, finds itself healthy, and answers a spoken turn; of the add-on, whether it
speaks Wyoming. Needs root and debootstrap.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from docker.steps import Build, Stage, read

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 1500
"""MB, of an image without CUDA."""
KEY = "a-key-of-the-check-only"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"


def clean_root(folder: Path) -> Path:
    """A Debian with Python, as small as an image of it."""
    made = folder / "clean"
    options = ["--variant=minbase", f"--include={PACKAGES}"]
    subprocess.run(
        ["debootstrap", *options, "bookworm", made], check=True, stdout=subprocess.DEVNULL
    )
    for waste in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man"):
        shutil.rmtree(made / waste, ignore_errors=True)
    shutil.copy("/etc/resolv.conf", made / "etc/resolv.conf")
    certificates = "etc/ssl/certs/ca-certificates.crt"  # this network's own, too
    if Path("/", certificates).exists():
        shutil.copy(Path("/", certificates), made / certificates)
    return made


def megabytes(folder: Path) -> int:
    """What it takes on the disk."""
    told = subprocess.run(["du", "-sm", "-x", folder], check=True, capture_output=True, text=True)
    return int(told.stdout.split()[0])


def build_in(folder: Path, context: Path, arguments: dict[str, str]) -> Stage:
    """Execute every step; returns the last stage."""
    clean = clean_root(folder)
    print(f"FROM      a clean Debian of {megabytes(clean)} MB", flush=True)
    build = Build(clean, context, arguments)
    for instruction, value in read(context / "Dockerfile"):
        began = time.monotonic()
        build.run(instruction, value)
        shown = " ".join(value.split())[:60]
        print(f"{instruction:11} {shown} ({time.monotonic() - began:.0f} s)", flush=True)
    return build.stages[-1]


def serve(stage: Stage, config: Path | None, models: Path | None) -> None:
    """Start it as the image would, and talk with it."""
    volume = stage.root / "models"
    if config is not None:
        place = stage.root / "config/parley/config.yaml"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(config, place)
    if models is not None:
        subprocess.run(["mount", "--bind", "-o", "ro", models, volume], check=True)
    try:
        command = [*stage.entrypoint, *stage.command]
        with stage.mounted(), stage.start(command, PARLEY_API_KEY=KEY) as server:
            try:
                _talk(stage, server)
            finally:
                server.terminate()
                server.wait(30)
        print(f"end        SIGTERM, status {server.returncode}")
        assert server.returncode == 0
    finally:
        if models is not None:
            subprocess.run(["umount", volume], check=True)


def serve_add_on(stage: Stage) -> None:
    """Start it as Home Assistant would, and ask what it can do."""
    (stage.root / "data").mkdir()
    (stage.root / "data/options.json").write_text('{"language": "en", "config": "parley.yaml"}')
    (stage.root / "config").mkdir()
    (stage.root / "config/parley.yaml").write_text("stt: {engine: pocketsphinx}")
    began = time.monotonic()
    with stage.mounted(), stage.start(stage.command) as server:
        try:
            told = _describe(server, began + 60)
        finally:
            server.terminate()
            server.wait(30)
    info = json.loads(told)
    print(f"wyoming    answers {info['type']} after {time.monotonic() - began:.1f} s")
    assert info["type"] == "info", told
    assert server.returncode == 0, f"SIGTERM ends it with status {server.returncode}"


def _describe(server: "subprocess.Popen[bytes]", until: float) -> str:
    while server.poll() is None and time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", 10300), 5) as wyoming:
                wyoming.sendall(b'{"type": "describe"}\n')
                return wyoming.makefile().readline()
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the add-on does not speak Wyoming")


def _talk(stage: Stage, server: "subprocess.Popen[bytes]") -> None:
    began = time.monotonic()
    while not _ready() and server.poll() is None and time.monotonic() - began < 120:
        time.sleep(0.2)
    owner = Path(f"/proc/{server.pid}").stat().st_uid
    print(f"ready      after {time.monotonic() - began:.1f} s, as user {owner}", flush=True)
    assert owner == int(stage.user), "it runs as another user"
    with stage.start(stage.healthcheck) as health:
        assert health.wait(10) == 0, "the healthcheck fails"
    print("healthy    by the image's own healthcheck", flush=True)
    bench = ["bench-server", "http://127.0.0.1:8765", "--conversations", "1", "--turns", "1"]
    environment = {**os.environ, "PARLEY_API_KEY": KEY}
    command = [sys.executable, "-m", "agent.cli", *bench]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def _ready() -> bool:
    try:
        with urllib.request.urlopen("http://127.0.0.1:8765/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def main() -> None:
    """Check, and leave nothing behind."""
    parser = argparse.ArgumentParser(description="execute the Dockerfile's steps in a clean root")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--config", type=Path, help="what the server is configured with")
    parser.add_argument("--models", type=Path, help="a folder to be the volume /models")
    parser.add_argument("--add-on", action="store_true", help="that of Home Assistant instead")
    args = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        sys.exit("docker.check wants root, for chroot, and debootstrap: apt install debootstrap")
    arguments = dict(each.split("=", 1) for each in args.build_arg)
    with tempfile.TemporaryDirectory(prefix="parley-image-") as folder:
        context = ROOT / "homeassistant/parley" if args.add_on else ROOT
        stage = build_in(Path(folder), context, arguments)
        size = megabytes(stage.root)
        print(f"size       {size} MB, of it /opt/parley {megabytes(stage.root / 'opt/parley')} MB")
        assert arguments.get("CUDA") or size <= LARGEST, f"more than {LARGEST} MB"
        if args.add_on:
            serve_add_on(stage)
        else:
            serve(stage, args.config, args.models)


if __name__ == "__main__":
    main()
