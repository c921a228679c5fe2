"""Fuzzes the command line: files and arguments as nobody means them, with a fixed seed.

    python -m tests.faults.fuzz_cli --count 10000 --seed 1 [--kind yaml]

Every input is made, given to `parley` in this process, and must end in a status, with a line for
people if it is an error: no traceback, nothing "unexpected", nothing that a terminal obeys, no
secret, and soon. What does not is kept in a folder, with the command that shows it. The tests run
the same on a few hundred (`test_cli_fuzz.py`).
"""

import argparse
import contextlib
import io
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from agent.cli import main as cli
from tests.agent.fakes import FakeStt, LoudnessVad
from tests.faults.fuzz_inputs import MAKERS, SECRET, Input, Random

KINDS = ("yaml", "wav", "json", "safetensors", "argv")
SLOW = 30.0
"""Seconds that nothing may take."""

OBEYED = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """What the machine has and what takes long is left out: devices, servers, networks, time."""

    async def nothing(*_: Any, **__: Any) -> list[Any]:
        return []

    with contextlib.ExitStack() as stack:
        for name, stand_in in {
            "agent.cli.live.talk": nothing,
            "agent.cli.commands.demo._talk": nothing,
            "agent.cli.commands.say._say": nothing,
            "agent.doctor.checks.examine": nothing,
            "agent.cli.commands.voice_tools._play": nothing,
            "agent.cli.commands.voice_tools.on_terminal": lambda: False,
            "agent.cli.commands.transcribe.SileroVad": LoudnessVad,
            "agent.cli.commands.transcribe.create_stt": lambda *_, **__: FakeStt(["hello"] * 100),
            "agent.audio.devices.list_devices": lambda _: [],
        }.items():
            stack.enter_context(mock.patch(name, stand_in))
        stack.enter_context(mock.patch("huggingface_hub.constants.HF_HUB_OFFLINE", new=True))
        stack.enter_context(mock.patch.dict("os.environ", {"PLANTED_API_KEY": SECRET}))
        yield


def attempt(given: Input, folder: Path) -> tuple[str, str]:
    """Run the command in `folder`: how it ended, and what is wrong with that, if anything."""
    for name, content in given.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "s.txt").write_text("[S1] Hello.")
    out, err = io.StringIO(), io.StringIO()
    began = time.monotonic()
    with (
        contextlib.chdir(folder),
        mock.patch.dict("os.environ", {"XDG_DATA_HOME": str(folder), "HOME": str(folder)}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(b"text"))),
    ):
        try:
            status: object = cli.main(given.arguments)
        except SystemExit as ended:
            status = ended.code
        except BaseException:  # noqa: BLE001  (that is what is looked for)
            status = "raised"
            traceback.print_exc(file=err)
    took = time.monotonic() - began
    told = out.getvalue() + err.getvalue()
    debug = "--debug" in given.arguments
    wrong = [
        what
        for what, so in {
            "it raised": status == "raised",
            f"status {status}": status not in (0, 1, 2, "raised"),
            "a traceback": "Traceback" in told and not debug,
            "unexpected": "parley: unexpected " in err.getvalue(),
            "an error without a word": status in (1, 2) and not told.strip(),
            "control characters": OBEYED.search(told) is not None,
            "a secret": SECRET in told and SECRET not in " ".join(given.arguments),
            f"{took:.0f} s": took > SLOW,
        }.items()
        if so
    ]
    last = err.getvalue().strip().splitlines()[-1:]
    return f"status {status}", "; ".join(wrong) + (f": {last[0][:300]}" if wrong and last else "")


def run(
    count: int, seed: int, kinds: tuple[str, ...] = KINDS, keep: Path | None = None
) -> Counter[str]:
    """Try `count` inputs; what went wrong is printed. Return how often what happened."""
    results: Counter[str] = Counter()
    with quick():
        for number in range(count):
            kind = kinds[number % len(kinds)]
            given = MAKERS[kind](Random(f"{seed} {number}"))
            with tempfile.TemporaryDirectory() as folder:
                ended, wrong = attempt(given, Path(folder))
                results[f"{kind} {ended}"] += 1
                if wrong:
                    results["wrong"] += 1
                    print(f"{number} {kind} {given.arguments!r}: {wrong}", flush=True)
                    if keep is not None:
                        shutil.copytree(folder, keep / str(number), dirs_exist_ok=True)
    return results


def main() -> int:
    """Run it, print a table of what happened; the status is 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "fuzz_cli"))
    args = parser.parse_args()
    began = time.monotonic()
    results = run(args.count, args.seed, (args.kind,) if args.kind else KINDS, args.keep)
    for what, count in sorted(results.items()):
        print(f"{count:6} {what}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{args.count} inputs in {time.monotonic() - began:.0f} s, at most {memory:.0f} MB")
    return 1 if results["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
