"""Where a model is computed, and in what: `device` and `dtype` of the settings."""

import torch

from tts.protocol import TextToSpeechError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def select_device(wanted: str | torch.device, model: str) -> torch.device:
    """Select a device: auto is an NVIDIA GPU if there is one. `model` is named in messages.

    Raises TextToSpeechError.
    """
    available = torch.cuda.is_available()
    if wanted == "auto":
        return torch.device("cuda" if available else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise TextToSpeechError(f"unknown device '{wanted}': use auto, cpu or cuda") from None
    if device.type not in ("cpu", "cuda"):
        raise TextToSpeechError(f"{model} does not run on '{wanted}': use auto, cpu or cuda")
    if device.type == "cuda" and not available:
        raise TextToSpeechError(
            "device is cuda, but PyTorch finds no NVIDIA GPU with a working driver: "
            "use device auto or cpu"
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise TextToSpeechError(f"there is no {device}: use cuda")
    return device


def select_dtype(wanted: str | torch.dtype, device: torch.device) -> torch.dtype:
    """Select what is computed in: auto is bfloat16 on a GPU, float32 on a CPU.

    Raises TextToSpeechError.
    """
    if isinstance(wanted, torch.dtype):
        dtype: torch.dtype | None = wanted if wanted in DTYPES.values() else None
    elif wanted == "auto":
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    else:
        dtype = DTYPES.get(wanted)
    if dtype is None:
        raise TextToSpeechError(f"unknown dtype '{wanted}': use auto, {' or '.join(DTYPES)}")
    return dtype
