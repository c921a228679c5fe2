"""How fast engines were on this machine, as they measured themselves: kept between runs.

One small JSON file in the user's cache, which may be deleted: `{machine: {engine: factor}}`, the
seconds that a second of speech took; of voices without word times, those that a letter lasts.
"""

import json
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

REAL_TIME = 0.9
"""Seconds for a second of speech from which on a voice leaves gaps."""


def kept(engine: str) -> float | None:
    """Return the real-time factor that `engine` had here; None if it was never measured."""
    factor = _read().get(machine(), {}).get(engine)
    return factor if isinstance(factor, float) else None


def keep(engine: str, factor: float) -> None:
    """Keep what `engine` measured; where nothing can be written it is measured again."""
    speeds = _read()
    speeds.setdefault(machine(), {})[engine] = round(float(factor), 3)
    path = _file()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(speeds), "utf-8")
        new.replace(path)


def dia2(model: str, quantize: str) -> str:
    """Name Dia2 as it is measured: a model, and how its weights are kept."""
    return f"dia2 {model} {quantize}"


def dia(model: str, quantize: str) -> str:
    """Name Dia as it is measured."""
    return f"dia {model} {quantize}"


def kokoro(model: str, dtype: str) -> str:
    """Name Kokoro as it is measured."""
    return f"kokoro {model} {dtype}"


def piper(voice: str) -> str:
    """Name a voice of Piper's as it is measured."""
    return f"piper {voice}"


def pace(service: str, voice: str) -> str:
    """Name a voice of a service by whose pace its words' times are estimated."""
    return f"pace {service} {voice}"


def slow(name: str) -> tuple[str, str] | None:
    """Return what is wrong with a voice that was too slow when it last spoke, and what to do.

    It spoke beside a recogniser, a language model and whatever else there was. None where it was
    fast enough, or nobody knows. Reads a small file.
    """
    factor = kept(name)
    if factor is None or factor <= REAL_TIME:
        return None
    engine = name.partition(" ")[0]
    quicker = "piper" if engine == "kokoro" else "espeak"
    return (
        f"{engine} took {factor:.2f} s for a second of speech when it last spoke here, so that "
        "there were gaps",
        f"tts: {{engine: {quicker}}} takes a fifth of it at most",
    )


def machine() -> str:
    """Name this computer as far as speed goes: homes are shared, processors are not."""
    return f"{processor()} x{os.cpu_count()}"


def processor() -> str:
    """Return the processor's name, as people know it. Reads a small file."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read() -> dict[str, dict[str, float]]:
    """Read what is kept; anything else than that is as good as nothing."""
    with suppress(OSError, ValueError, RecursionError):
        data = json.loads(_file().read_bytes()[: 1 << 20])
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if isinstance(value, dict)}
    return {}


def _file() -> Path:
    if sys.platform == "win32":
        folder = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local"
    else:
        folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder, "parley", "speed.json")
