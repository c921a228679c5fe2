"""Runs `parley serve` as the add-on's options say, and tells Home Assistant once it answers."""

import json
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

WYOMING = 10300


def command(options: Mapping[str, str], folder: Path, default: Path) -> list[str]:
    """The command that the options mean; `folder` is the add-on's own, for files of the user's."""
    named = options.get("config")
    run = ["parley", "serve", str(folder / named if named else default)]
    settings = {"language": options.get("language")}
    if not named:
        settings["tts.voice"] = options.get("voice")
    if options.get("llm_url"):
        settings |= {"llm.adapter": "openai", "llm.base_url": options["llm_url"]}
        settings["llm.model"] = options.get("llm_model")
    for key, value in settings.items():
        run += ["--set", f"{key}={value}"] if value else []
    # Home Assistant alone reaches Wyoming's port, unless the user opens it to the network; the
    # other one is everybody's in the house, and so wants a key.
    run += ["--wyoming", f"0.0.0.0:{WYOMING}", "--insecure"]
    return run + (["--host", "0.0.0.0"] if options.get("api_key") else [])


def answers(server: int) -> bool:
    """Wait until Wyoming is spoken; False if the process of that number, our parent, has ended."""
    while os.getppid() == server:
        try:
            with socket.create_connection(("127.0.0.1", WYOMING), 1):
                return True
        except OSError:
            time.sleep(0.5)
    return False


def announce(supervisor: str, token: str) -> None:
    """Have Home Assistant offer it in its settings; without that it can be added by hand."""
    told = {"service": "wyoming", "config": {"uri": f"tcp://{socket.gethostname()}:{WYOMING}"}}
    request = urllib.request.Request(
        f"{supervisor}/discovery",
        json.dumps(told).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except OSError as error:
        print(f"Home Assistant was not told ({error}): add Wyoming by hand", file=sys.stderr)


def main() -> None:
    """Become the server; a child tells Home Assistant when it answers."""
    options = json.loads(Path("/data/options.json").read_text("utf-8"))
    run = command(options, Path("/config"), Path("/parley.yaml"))
    server = os.getpid()
    if os.fork() == 0:
        if answers(server):
            announce("http://supervisor", os.environ.get("SUPERVISOR_TOKEN", ""))
        return
    environment = {**os.environ, "PARLEY_API_KEY": options.get("api_key") or ""}
    os.execvpe(run[0], run, environment)


if __name__ == "__main__":
    main()
