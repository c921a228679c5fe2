"""Loading Dia2: seconds, and the most memory it takes against the size of its weights.

    python -m bench.dia2_load [--size 1b|mid] [--model FOLDER]

The peak is the kernel's own (`VmHWM`: all pages that were in memory at the same time, the mapped
files, Python and PyTorch themselves included), read at the end in a process that did nothing else
(random weights come from another one); the weights are those of the network and of the codec, as
large in memory as in their float32 files. `--size` 1b needs 5 GB of disk and as much memory. Linux.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anyio

from tts.dia2.engine import Dia2Speech

BAR = 1.15
_MAKE = "import sys; from pathlib import Path; from tests.tiny_dia2 import real_size; "
_MAKE += "real_size(Path(sys.argv[1]), sys.argv[2])"


def memory(name: str) -> int:
    """Bytes of this process, by a name of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


async def load(folder: str) -> None:
    engine = Dia2Speech(model=folder, device="cpu", dtype="float32")
    begun = time.perf_counter()
    await engine.load()
    seconds, peak = time.perf_counter() - begun, memory("VmHWM")
    files = (Path(folder) / "model.safetensors", Path(folder) / "mimi" / "model.safetensors")
    weights = sum(file.stat().st_size for file in files)
    await engine.aclose()
    print(
        f"loaded in {seconds:.1f} s; weights {weights >> 20} MiB, peak {peak >> 20} MiB: ", end=""
    )
    print(f"{peak / weights:.3f} times (bar: {BAR})")


def main() -> None:
    """Measure and print a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("mid", "1b"), default="1b", help="default: 1b")
    parser.add_argument("--model", help="a folder with float32 weights instead of random ones")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not options.model:
            subprocess.run([sys.executable, "-c", _MAKE, folder, options.size], check=True)
        anyio.run(load, options.model or folder)


if __name__ == "__main__":
    main()
