"""What it costs to be there all day: `python -m bench.idle [--seconds 20] [--only NAME]`.

A real `parley talk` with real sound cards (PulseAudio's null sinks), to which nobody speaks: its
microphone hears a quiet room, -62 dBFS of noise. Printed per setting: the processor time of all its
processes in percent of one core, and their memory, once it has settled.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from tests.processes import ended
from tests.soundcards import SoundCards

SETTLING = 22.0
"""Seconds from the start until it is measured."""
ROOM = -62.0
"""dBFS of the noise in the room."""
SETTINGS: dict[str, dict[str, object]] = {
    "listening, echo cancellation": {"echo": "cancel"},
    "listening, no echo cancellation": {"echo": "off"},
    "asleep": {"echo": "cancel", "wake": {"words": ["hey parley"]}},
}
OFFLINE = {
    "stt": {"engine": "pocketsphinx"},
    "llm": {"adapter": "eliza"},
    "tts": {"engine": "espeak"},
}


@contextmanager
def room(cards: SoundCards, seconds: float) -> Iterator[None]:
    """Have the microphone hear a quiet room for the length of a block."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 10 ** (ROOM / 20), round(seconds * 16000)).astype("<f4")
    command = ["pacat", "--playback", f"--server={cards.microphone.server}", "--raw"]
    command += ["--format=float32le", "--channels=1", "--rate=16000"]
    with tempfile.TemporaryFile() as file:
        file.write(noise.tobytes())
        file.seek(0)
        with ended(subprocess.Popen(command, stdin=file)) as player:
            yield
            player.terminate()


def measure(
    cards: SoundCards, folder: Path, config: dict[str, object], seconds: float
) -> tuple[float, float]:
    """Percent of a core, and megabytes."""
    path = folder / "agent.yaml"
    path.write_text(yaml.safe_dump({**OFFLINE, **config}))
    command = [sys.executable, "-P", "-m", "agent.launcher", "talk", str(path)]
    environment = {**os.environ, **cards.environment, "PYTHONPATH": os.getcwd()}
    talk = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    with room(cards, SETTLING + seconds + 30), ended(talk):
        time.sleep(SETTLING)
        if talk.poll() is not None:
            raise SystemExit(f"parley talk ended with {talk.returncode}")
        before, begun = _spent(talk.pid), time.perf_counter()
        time.sleep(seconds)
        after, took = _spent(talk.pid), time.perf_counter() - begun
        percent = 100 * (after - before) / took
        memory = sum(_memory(pid) for pid in _processes(talk.pid))
        talk.terminate()
    return percent, memory


def _processes(parent: int) -> list[int]:
    """The process and those that it has started."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *(pid for child in children for pid in _processes(int(child)))]


def _spent(pid: int) -> float:
    """Seconds of processor so far, the children's included."""
    ticks = 0
    for each in _processes(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    """Megabytes that are its own, or shared with as many as there are."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(rollup.split("Pss:")[1].split()[0]) / 1000


def main() -> None:
    """Measure each setting, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each setting")
    parser.add_argument("--only", default="", help="settings whose name has this in it")
    args = parser.parse_args()
    table = Table("setting", "% of a core", "MB")
    with tempfile.TemporaryDirectory() as name:
        cards = SoundCards(Path(name))
        cards.plug()
        try:
            for setting, config in SETTINGS.items():
                if args.only in setting:
                    cpu, memory = measure(cards, Path(name), config, args.seconds)
                    table.add_row(setting, f"{cpu:.1f}", f"{memory:.0f}")
        finally:
            cards.unplug()
    Console().print(table, f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
