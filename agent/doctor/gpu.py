"""The NVIDIA GPUs of this machine, as the driver's own program lists them."""

from dataclasses import dataclass

import anyio

PATIENCE = 2.0
"""Seconds that the driver has to answer."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU: its name, its memory in GB, and all that the driver says of it in a line."""

    name: str
    memory: float
    line: str

    def __str__(self) -> str:
        return self.line


async def nvidia_gpus() -> list[Gpu]:
    """List them; none where there is no driver, or it does not answer."""
    fields = "--query-gpu=name,memory.total,driver_version"
    command = ["nvidia-smi", fields, "--format=csv,noheader"]
    with anyio.move_on_after(PATIENCE):
        try:
            process = await anyio.run_process(command, check=False)
        except OSError:
            return []
        if process.returncode == 0:
            lines = process.stdout.decode(errors="replace").strip().splitlines()
            return [_gpu(line) for line in lines]
    return []


def _gpu(line: str) -> Gpu:
    """Read `name, memory in MiB, driver`."""
    name, memory = (part.strip() for part in (*line.split(","), "")[:2])
    size = memory.removesuffix("MiB").strip()
    return Gpu(name, int(size) * 2**20 / 1e9 if size.isdecimal() else 0.0, line)
