"""The engine `auto`: Dia2 where it speaks in real time, else Kokoro, which needs no GPU."""

import shutil
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import Field

from tts import speed
from tts.protocol import TextToSpeech

REAL_TIME = 0.9
"""Seconds for a second of speech that leave no gaps, on a machine that does other things too."""


def auto(
    *,
    model: Annotated[
        str, Field(min_length=1, description="Of Dia2: a repository, or a folder with its files.")
    ] = "nari-labs/Dia2-1B",
    voice: Annotated[
        str | None, Field(description="Of Dia2: one that `parley voice` made; null for any.")
    ] = None,
    otherwise: Annotated[
        str, Field(min_length=1, description="Kokoro's voice, where Dia2 would be too slow.")
    ] = "af_heart",
) -> TextToSpeech:
    """Dia2 with an NVIDIA GPU or a processor on which it has been fast enough, else Kokoro."""
    arguments = fitting(model, voice, otherwise)
    if arguments.pop("engine") == "dia2":
        from tts.dia2.engine import Dia2Speech

        return Dia2Speech(**arguments)
    from tts.kokoro import Kokoro

    return Kokoro(**arguments)


def fitting(model: str, voice: str | None, otherwise: str) -> dict[str, Any]:
    """Return the section of the configuration that fits this machine."""
    if (quantize := _dia2_fits(model)) is not None:
        return {"engine": "dia2", "model": model, "voice": voice, "quantize": quantize}
    return {"engine": "kokoro", "voice": otherwise}


def _dia2_fits(model: str) -> Literal["none", "int8"] | None:
    """How Dia2's weights are kept for it to be in real time here; None where it is not."""
    if find_spec("torch") is None:
        return None
    if shutil.which("nvidia-smi") is not None:
        return "none"
    for quantize in ("none", "int8"):
        factor = speed.kept(speed.dia2(model, quantize))
        if factor is not None and factor < REAL_TIME:
            return quantize
    return None
