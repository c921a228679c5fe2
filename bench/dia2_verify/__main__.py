"""Check this implementation of Dia2 against golden data.

    python -m bench.dia2_verify DIR [--device cpu|cuda] [--dtype float32|bfloat16]
                              [--network plain|fast|int8|quickest|kernels] [--graphs]
                              [--only PART ...]

DIR holds recordings of the published runtime (what lies where: `goldens.py`). One line for
every comparison; the exit status is 1 if any of them missed. By default the readable network is
checked on a CPU; on a GPU it is what speaks there, its steps in graphs. Needs torch, numpy and
safetensors; without tokenizers the parser is not checked and scripts are fed entry by entry.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from bench.dia2_bare import without_pydantic
from bench.dia2_networks import NETWORKS
from bench.dia2_verify.mimi import check_mimi
from bench.dia2_verify.network import Loading, check_network
from bench.dia2_verify.runs import check_runs
from bench.dia2_verify.sampling import check_sampling
from bench.dia2_verify.table import Row, guarded, show
from bench.dia2_verify.text import check_text

PARTS = ("text", "sampling", "network", "runs", "mimi")


def verify(
    root: Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    parts: Sequence[str] = PARTS,
    network: str | None = None,
    *,
    graphs: bool = False,
) -> Iterator[Row]:
    """Every comparison with the golden data in `root`; what raises an error is a miss.

    `network` is one of `NETWORKS`: by default the readable one on a CPU, and what is taken to speak
    with on a GPU, where its steps always come in graphs.
    """
    device = torch.device(device)
    on_gpu = device.type == "cuda"
    network = network or ("quickest" if on_gpu else "plain")
    load = Loading(network, device, dtype, graphs or on_gpu)
    checks: dict[str, Callable[[], Iterator[Row]]] = {
        "text": lambda: check_text(root),
        "sampling": lambda: check_sampling(root, device),
        "network": lambda: check_network(root, load),
        "runs": lambda: check_runs(root, load),
        "mimi": lambda: check_mimi(root, device),
    }
    for part in parts:
        yield from guarded(part, checks[part])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.dia2_verify", description="Check Dia2 against golden data."
    )
    parser.add_argument("folder", type=Path, help="golden data")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--network", choices=NETWORKS)
    parser.add_argument("--graphs", action="store_true", help="steps as a GPU makes them")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        parser.error(f"there is no folder {options.folder}")
    without_pydantic()
    rows = verify(
        options.folder,
        options.device,
        getattr(torch, options.dtype),
        options.only,
        network=options.network,
        graphs=options.graphs,
    )
    return show(rows, options.folder)


if __name__ == "__main__":
    # The recordings' networks are too small to share out: on a busy machine a second thread makes
    # this several times slower.
    torch.set_num_threads(1)
    sys.exit(main())
