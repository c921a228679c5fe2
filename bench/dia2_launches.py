"""What a frame of Dia2 launches on a GPU, found out without one: compiled, counted, not run."""

import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from torch.utils._python_dispatch import TorchDispatchMode
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from tts.dia2.fast.gpu.model import KernelModel
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.model import Network

HOPPER = GPUTarget("cuda", 90, 32)
# Operations that launch nothing: they look at memory in another way, or take some.
_FREE = {"alias", "chunk", "detach", "empty", "empty_like", "expand", "flatten", "mT", "new_empty"}
_FREE |= {"permute", "reshape", "select", "slice", "split", "split_with_sizes", "squeeze", "t"}
_FREE |= {"transpose", "unbind", "unflatten", "unsqueeze", "view", "_unsafe_view"}


@dataclass(frozen=True)
class Launch:
    """One of our kernels."""

    name: str
    grid: tuple[int, ...]
    read: int
    """Bytes of a product's matrix."""
    compiled: Any


class _Driver:
    """What Triton asks of a GPU's driver before it compiles."""

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int = 0) -> int:
        return device

    def get_current_target(self) -> GPUTarget:
        return HOPPER


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # its base has no types
    """Counts what PyTorch would launch, about."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts = Counter[str]()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        del types
        name = func.overloadpacket.__name__
        if name not in _FREE:
            self.counts[name] += 1
        return func(*args, **(kwargs or {}))


@contextmanager
def compiled_only() -> Iterator[list[Launch]]:
    """Kernels are compiled for an H200 instead of launched; gives what would have been.

    For a program that has no more to do with a GPU: Triton is told of one that is not there.
    """
    launches: list[Launch] = []
    run = JITFunction.run

    def record(self: Any, *args: Any, grid: Any, warmup: bool, **options: Any) -> Any:
        del warmup
        made = run(self, *args, grid=grid, warmup=True, **options)
        product = self.__name__ in {"gemv", "gemm"}
        read = args[2].numel() * args[2].element_size() if product else 0
        launches.append(Launch(self.__name__, grid, read, made))
        return made

    driver.set_active(_Driver())
    JITFunction.run = record
    try:
        yield launches
    finally:
        JITFunction.run = run


@torch.inference_mode()
def frame(config: Dia2Config, slots: int, span: int) -> tuple[list[Launch], Counter[str]]:
    """The launches of one frame, by our kernels and by PyTorch: on no device at all."""
    nowhere = torch.device("meta")
    with nowhere:
        weights = dict(Network(config, torch.bfloat16).named_parameters())
        model = KernelModel(config, weights, device=nowhere, slots=slots)
        sampler = model.new_sampler()
        columns = torch.zeros((slots, model.branches, 2 + config.codebooks), dtype=torch.int64)
        each, text = columns[:, 0, 0], columns[:, 0, :2]
        with compiled_only() as launches, _Operations() as operations:
            view = model.fixed_step(each > 0, span)
            hidden = model.forward(columns, each[:, None], view)
            view.commit()
            model.action(hidden, sampler, each)
            model.column(hidden, text, sampler, each)
    return launches, operations.counts


def resources(compiled: Any) -> str:
    """What a kernel's machine code takes, if the tool that tells came with Triton."""
    said = f"{compiled.metadata.shared} B shared, {compiled.metadata.num_warps} warps"
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    if not tool.exists():
        return said
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled.asm["cubin"])
        file.flush()
        command = [str(tool), "-res-usage", file.name]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    pairs = (word.split(":") for word in found.split() if word.count(":") == 1)
    parts = {pair[0]: pair[1] for pair in pairs}
    return f"{parts.get('REG')} registers, {parts.get('STACK')} B spilled, {said}"
