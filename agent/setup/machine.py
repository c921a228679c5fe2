"""What a machine brings along: processors, memory, a GPU, disk, languages, language models."""

import locale
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from agent.doctor.gpu import Gpu, nvidia_gpus
from llm_adapters.discover import Server, discover
from tts import speed

GB = 1e9


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found; sizes in GB, 0 where the system does not say."""

    processor: str
    cores: int
    """Processors that this process may use."""
    memory: float
    disk: float
    """Free, where models are kept."""
    gpu: Gpu | None
    language: str
    """The user's, as a code such as en."""
    servers: tuple[Server, ...]
    """Language models that answer."""

    def lines(self) -> list[tuple[str, str]]:
        """What people are told of it, by subject."""
        memory = f", {self.memory:.0f} GB of memory" if self.memory else ""
        servers = "; ".join(f"{s}: {', '.join(s.models[:4]) or 'no model'}" for s in self.servers)
        return [
            ("processor", f"{self.processor}, {self.cores} cores{memory}"),
            ("GPU", str(self.gpu) if self.gpu is not None else "none by NVIDIA"),
            ("disk", f"{self.disk:.0f} GB free in {model_cache()}"),
            ("language models", servers or "no server answers"),
        ]


async def look() -> Machine:
    """Find out what this machine brings along; nothing takes longer than two seconds."""
    found: dict[str, object] = {}

    async def gpu() -> None:
        found["gpu"] = next(iter(await nvidia_gpus()), None)

    async def servers() -> None:
        found["servers"] = tuple(await discover())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gpu)
        tasks.start_soon(servers)
        processor = await anyio.to_thread.run_sync(speed.processor)
        disk = await anyio.to_thread.run_sync(_free, model_cache())
    return Machine(
        processor=processor,
        cores=_cores(),
        memory=_memory(),
        disk=disk,
        gpu=found["gpu"] if isinstance(found["gpu"], Gpu) else None,
        language=_language(),
        servers=found["servers"] if isinstance(found["servers"], tuple) else (),
    )


def model_cache() -> Path:
    """Where downloaded models are kept: Hugging Face's cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> float:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GB
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return 0.0


def _free(folder: Path) -> float:
    """GB that are free where `folder` is, or will be."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return shutil.disk_usage(there).free / GB


def _language() -> str:
    name = locale.getlocale()[0] or os.environ.get("LANG") or "en"
    code = name.partition("_")[0].partition(".")[0].lower()
    return code if code.isalpha() and len(code) in (2, 3) else "en"
