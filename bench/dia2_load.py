"""Loading Dia2: seconds up to the first frame, and the most memory it takes.

    python -m bench.dia2_load [--size 2b|1b|mid|tiny] [--device cpu|cuda] [--model FOLDER]

The clock starts before PyTorch is imported and stops when the first 80 ms of sound are there, with
the files in the page cache. The peak on a CPU is the kernel's own (`VmHWM`: all pages that were in
memory at the same time, the mapped files, Python and PyTorch themselves included), read after
loading in a process that did nothing else (random weights come from another one); the weights are
those of the network and of the codec, as large in memory as in their float32 files. `--size` 1b
needs 5 GB of disk and as much memory, 2b 9 GB. Linux. Needs torch, numpy and safetensors alone;
without tokenizers words become ids as in `bench.dia2_bundle`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

from tts.transformer import torch_loading

BAR = 1.15
_MAKE = "import sys; from pathlib import Path; from tests.tiny_dia2 import real_size; "
_MAKE += "real_size(Path(sys.argv[1]), sys.argv[2])"


def memory(name: str) -> int:
    """Bytes of this process, by a name of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def load(folder: str, device: str) -> dict[str, float]:
    """Seconds to load and to the first frame, and the peak after loading, as the engine does it."""
    begun = time.perf_counter()
    with torch_loading.loading():
        torch_loading.link_torch()
        from bench.dia2_bare import without_pydantic
        from tts.dia2.bundle import Bundle
        from tts.dia2.network.sampling import Sampling
        from tts.dia2.serving.prepare import prepare
        from tts.dia2.serving.utterance import UtteranceState, VoiceSettings
        from tts.transformer.item import Item

        without_pydantic()
        with _tokenizer(Path(folder)):
            dtype = "float32" if device == "cpu" else "auto"
            bundle = Bundle.load(folder, device=device, dtype=dtype)
            prepared = prepare(bundle, VoiceSettings(Sampling(), seed=1))
    loaded, peak = time.perf_counter() - begun, memory("VmHWM")
    items: list[Item] = []
    utterance = UtteranceState(
        prepared.bundle, prepared.voice_settings, prepared.prefilled, items.append
    )
    prepared.scheduler.open(utterance)
    utterance.feed("Well, this is a text, and it has all the words that are needed. ")
    utterance.finish()
    while not items:
        prepared.scheduler.step()
    return {"loaded": loaded, "first": time.perf_counter() - begun, "peak": peak}


def _tokenizer(model: Path) -> AbstractContextManager[object]:
    """Where there is no library for it, words become ids in another way."""
    if find_spec("tokenizers"):
        return nullcontext()
    from bench.dia2_bundle import tokenizer
    from tts.dia2.network.config import Dia2Config

    words = tokenizer(Dia2Config.from_json(json.loads((model / "config.json").read_text())))
    return patch("tts.dia2.text.tokenizer.Tokenizer.from_folder", lambda *_: words)


def main() -> None:
    """Measure and print a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--size", choices=("tiny", "mid", "1b", "2b"), default="1b", help="default: 1b"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", help="a folder with float32 weights instead of random ones")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not options.model:
            subprocess.run([sys.executable, "-c", _MAKE, folder, options.size], check=True)
        model = Path(options.model or folder)
        files = (model / "model.safetensors", model / "mimi" / "model.safetensors")
        weights = sum(file.stat().st_size for file in files)
        found = load(str(model), options.device)
    print(f"loaded in {found['loaded']:.1f} s, first frame after {found['first']:.1f} s", end="")
    if options.device == "cpu":
        print(f"; weights {weights >> 20} MiB, peak {int(found['peak']) >> 20} MiB: ", end="")
        print(f"{found['peak'] / weights:.3f} times (bar: {BAR})", end="")
    print()
    if options.json:
        options.json.write_text(json.dumps({**found, "weights": weights}, indent=2) + "\n")


if __name__ == "__main__":
    main()
