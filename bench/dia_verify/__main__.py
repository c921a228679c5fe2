"""Check this implementation of Dia against golden data.

    python -m bench.dia_verify DIR [--device cpu|cuda] [--graphs] [--original] [--only PART ...]

DIR holds recordings of Transformers' Dia, and of the original runtime (what lies where:
`goldens.py`). One line for every comparison; the exit status is 1 if any of them missed. Where the
two differ Parley does as Transformers; `--original` checks the takes that the original runtime made
by its own rules (`original.py`). Needs torch, numpy and safetensors.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch

from bench.dia2_verify.table import Row, guarded, show
from bench.dia_verify.codec import check_codec, check_voice
from bench.dia_verify.goldens import Golden, Loading, goldens
from bench.dia_verify.network import check_network, check_training
from bench.dia_verify.original import check_original
from bench.dia_verify.runs import check_runs
from bench.dia_verify.text import check_files, check_text

CHECKS: dict[str, Callable[[Golden], Iterator[Row]]] = {
    "text": check_text,
    "network": check_network,
    "training": check_training,
    "runs": check_runs,
    "codec": check_codec,
    "voice": check_voice,
    "original": check_original,
}
FILES = "files"
PARTS = (FILES, *(name for name in CHECKS if name != "original"))
"""What is checked by default."""


def verify(
    root: Path,
    device: torch.device | str = "cpu",
    parts: Sequence[str] = PARTS,
    *,
    graphs: bool = False,
) -> Iterator[Row]:
    """Every comparison with the golden data in `root`; what raises an error is a miss.

    With `graphs`, and on a GPU, every take is made a second time as a GPU makes its steps.
    """
    device = torch.device(device)
    load = Loading(device, graphs or device.type == "cuda")
    if FILES in parts:
        yield from guarded(FILES, partial(check_files, root))
    for golden in goldens(root, load):
        for part in parts:
            if part in CHECKS:
                yield from guarded(f"{golden.name}/{part}", partial(CHECKS[part], golden))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.dia_verify", description="Check Dia against golden data."
    )
    parser.add_argument("folder", type=Path, help="golden data")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--graphs", action="store_true", help="also steps as a GPU makes them")
    parser.add_argument("--original", action="store_true", help="the original runtime's takes, too")
    parser.add_argument(
        "--only", nargs="+", choices=[FILES, *CHECKS], default=PARTS, metavar="PART"
    )
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        parser.error(f"there is no folder {options.folder}")
    parts = [*options.only, *(["original"] if options.original else [])]
    rows = verify(options.folder, options.device, parts, graphs=options.graphs)
    return show(rows, options.folder)


if __name__ == "__main__":
    # The recordings' networks are too small to share out: on a busy machine a second thread makes
    # this several times slower.
    torch.set_num_threads(1)
    sys.exit(main())
