"""Dia: milliseconds a step beside Transformers' in the same run, host cost, memory of loading.

    python -m bench.dia [--only step|host|load ...] [--device cpu|cuda] [--rounds N] [--steps N]
                        [--size full|mid|tiny] [--json FILE]

`step`: random weights, guidance on; Parley's int8 (on a GPU bfloat16, as a graph) and Transformers'
`generate` in bfloat16, in turn: the medians, that of their ratio, the fastest. Needs Transformers
and, at the real size, 8 GB. Real time is 11.6 ms a step.
`host`: the real depth with tiny widths, one thread: what a step costs beside its arithmetic.
`load`: the most memory that loading takes (`VmHWM`), in a process that does nothing else, against
the file's size; the real one writes 6.5 GB to the disk for that.

The sizes are the real one, a few of its layers, and all of them with tiny widths.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.dia2_load import memory
from tts.dia.graphs import capture, new_stepper
from tts.dia.network.config import DiaConfig
from tts.dia.network.model import Model
from tts.dia.network.sampling import Sampling
from tts.dia.network.tensors import places
from tts.dia.take import Take
from tts.transformer.weights import Weights

FRAME = 512 / 44.1  # ms
BARS = {"step": 2.2, "host": 4.0, "load": 1.15}
TEXT = b"\x01 Dia makes whole dialogues, and they are heard meanwhile. \x02 Are they? (laughs)"
SAMPLING = Sampling()


class RandomWeights(Weights):
    """The tensors of a model, each made when it is asked for."""

    def __init__(self, config: DiaConfig, device: torch.device, dtype: torch.dtype) -> None:
        self._places, self._device, self._dtype = places(config), device, dtype

    def __getitem__(self, name: str) -> Tensor:
        shape = self._places[name].shape
        if len(shape) == 1:
            return torch.ones(shape, device=self._device)
        made = torch.empty(shape, device=self._device, dtype=self._dtype)
        return made.normal_(std=shape[1] ** -0.5)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


TINY = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "head_dim": 8}
TINY_CROSS = {f"cross_{name}": 4 for name in ("num_attention_heads", "num_key_value_heads")}
SIZES: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "full": ({}, {}),
    "mid": ({"num_hidden_layers": 3}, {"num_hidden_layers": 4}),
    "tiny": (
        {**TINY, "num_key_value_heads": 4},
        {**TINY, **TINY_CROSS, "num_key_value_heads": 1, "cross_head_dim": 8}
        | {"cross_hidden_size": 32},
    ),
}
"""What differs from Dia 1.6B in the halves of `config.json`."""


def said(size: str) -> dict[str, Any]:
    """What `config.json` says of a size."""
    encoder, decoder = SIZES[size]
    return {"model_type": "dia", "encoder_config": encoder, "decoder_config": decoder}


def random_model(config: DiaConfig, device: torch.device, *, quantize: bool = False) -> Model:
    """A network with random weights, in what it speaks in on its device."""
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    weights = RandomWeights(config, device, dtype)
    return Model(config, weights, device=device, dtype=dtype, quantize=quantize)


def our_steps(model: Model) -> Callable[[int], list[float]]:
    """What makes so many steps of one take, and says what each took, in ms."""
    graphs = capture(model)

    def run(steps: int) -> list[float]:
        stepper = new_stepper(model, graphs)
        slot = stepper.admit(Take(model.config, TEXT, sampling=SAMPLING))
        stepper.step()  # the text is encoded with the first
        took = []
        for _ in range(steps):
            begun = time.perf_counter()
            stepper.step()
            took.append(1000 * (time.perf_counter() - begun))
        stepper.release(slot)
        return took

    return run


def their_steps(device: torch.device, size: str) -> Callable[[int], list[float]]:
    """The same for Transformers' `generate`, with random weights in bfloat16."""
    import transformers

    theirs: Any = transformers
    theirs.logging.set_verbosity_error()
    shape = theirs.DiaConfig(**said(size))
    made = theirs.DiaForConditionalGeneration._from_config(shape, dtype=torch.bfloat16)
    model = made.to(device).eval()
    config = DiaConfig.from_json(said(size))
    rows = torch.full((1, 1 + config.max_delay, config.codebooks), config.pad)
    for codebook, lag in enumerate(config.delays):
        rows[:, : 1 + lag, codebook] = config.bos
    given = {
        "input_ids": torch.tensor([list(TEXT)], device=device),
        "decoder_input_ids": rows.to(device),
        "decoder_attention_mask": torch.ones(rows.shape[:2], dtype=torch.int64, device=device),
    }
    settings = {
        "do_sample": True,
        "guidance_scale": SAMPLING.scale,
        "temperature": SAMPLING.temperature,
        "top_k": SAMPLING.top_k,
        "top_p": SAMPLING.top_p,
        "bos_token_id": config.bos,
        "eos_token_id": config.eos,
        "pad_token_id": config.pad,
    }
    times: list[float] = []
    model.register_forward_pre_hook(lambda *_: times.append(time.perf_counter()))

    def run(steps: int) -> list[float]:
        times.clear()
        model.generate(**given, **settings, max_new_tokens=steps + 2)
        # The first is the prefill's.
        return [1000 * (b - a) for a, b in pairwise(times[1:])]

    return run


def bench_step(options: argparse.Namespace) -> dict[str, float]:
    """Both in turn; the ratio is that of each turn's medians."""
    device = torch.device(options.device)
    config = DiaConfig.from_json(said(options.size))
    ours = our_steps(random_model(config, device, quantize=device.type == "cpu"))
    theirs = their_steps(device, options.size)
    ours(2)
    theirs(2)
    rounds = [(ours(options.steps), theirs(options.steps)) for _ in range(options.rounds)]
    ratio = statistics.median(statistics.median(b) / statistics.median(a) for a, b in rounds)
    mine, other = ([took for each in side for took in each] for side in zip(*rounds, strict=True))
    kind = "int8" if device.type == "cpu" else "bfloat16, graph"
    found = {"ours": statistics.median(mine), "theirs": statistics.median(other), "step": ratio}
    print(f"step: Parley ({kind}) {found['ours']:.1f} ms, Transformers (bfloat16) ", end="")
    print(f"{found['theirs']:.1f} ms: {ratio:.2f} times (bar: {BARS['step']})")
    # What else runs on the machine spoils the fastest least.
    print(f"fastest: {min(mine):.1f} and {min(other):.1f} ms: ", end="")
    print(f"{min(other) / min(mine):.2f} times; real time is {FRAME:.1f} ms", flush=True)
    return {**found, "fastest": min(other) / min(mine)}


def bench_host(options: argparse.Namespace) -> dict[str, float]:
    """Tiny widths, one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    config = DiaConfig.from_json(said("tiny"))
    run = our_steps(random_model(config, torch.device(options.device)))
    run(20)
    # The quietest of several rounds: nothing of other programs' is to count.
    took = min(statistics.median(run(40)) for _ in range(options.rounds))
    torch.set_num_threads(threads)
    print(f"host: {took:.2f} ms a step (bar: {BARS['host']:.0f})", flush=True)
    return {"host": took}


_SAVE = "import sys; from pathlib import Path; from bench.dia import save; "
_SAVE += "save(Path(sys.argv[1]), sys.argv[2])"
_LOAD = "import sys; from bench.dia import peak; print(peak(sys.argv[1]))"


def save(folder: Path, size: str) -> None:
    """Write a checkpoint with random weights."""
    from safetensors.torch import save_file

    (folder / "config.json").write_text(json.dumps(said(size)))
    config = DiaConfig.from_json(said(size))
    weights = RandomWeights(config, torch.device("cpu"), torch.float32)
    save_file(dict(weights), folder / "model.safetensors")


def peak(folder: str) -> int:
    """Load a model and say the most bytes that were in memory at a time."""
    from bench.dia2_bare import without_pydantic
    from tts.dia.network.config_json import read
    from tts.dia.network.tensors import open_weights
    from tts.transformer.tensor_file import TensorFile

    without_pydantic()
    config, path = read(Path(folder) / "config.json"), Path(folder) / "model.safetensors"
    device = torch.device("cpu")
    model = Model(config, open_weights(TensorFile(path), config, device, torch.float32))
    assert model.slots
    return memory("VmHWM")


def bench_load(options: argparse.Namespace) -> dict[str, float]:
    """A process of its own writes the files, another one loads them."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", _SAVE, folder, options.size], check=True)
        weights = (Path(folder) / "model.safetensors").stat().st_size
        done = subprocess.run(
            [sys.executable, "-c", _LOAD, folder], check=True, capture_output=True, text=True
        )
    most = int(done.stdout)
    print(f"load: weights {weights >> 20} MiB, peak {most >> 20} MiB: ", end="")
    print(f"{most / weights:.3f} times (bar: {BARS['load']})", flush=True)
    return {"load": most / weights}


PARTS = {"step": bench_step, "host": bench_host, "load": bench_load}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12, help="of each in a round")
    parser.add_argument("--size", choices=SIZES, default="full", help="of `step` and `load`")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    print(f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")
    found: dict[str, float] = {}
    with torch.inference_mode():
        for part in options.only:
            found.update(PARTS[part](options))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
