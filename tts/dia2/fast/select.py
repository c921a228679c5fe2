"""Selects the network for a device: the fastest that passes its checks there."""

import logging
from pathlib import Path
from typing import Any

import torch

from tts.dia2.fast.model import FastModel
from tts.dia2.mimi.codec import Mimi
from tts.dia2.mimi.transformer import AttentionType, MaskedAttention
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.model import Model, ReferenceModel
from tts.extras import pip_install
from tts.protocol import TextToSpeechError
from tts.transformer.weights import Weights

_log = logging.getLogger(__name__)


def select_model(
    config: Dia2Config,
    weights: Path | Weights,
    *,
    quantize: bool = False,
    kernels: bool = False,
    **options: Any,
) -> Model:
    """Load the network that is fastest on its device; `options` are `Model`'s.

    `kernels` lets a GPU use the project's own Triton kernels, which have never been timed on one.
    Raises TextToSpeechError: also if int8 is wanted where there are no products for it.
    """
    device, dtype = torch.device(options["device"]), options["dtype"]
    if device.type == "cuda":
        if kernels:
            return kernel_model(config, weights, quantize=quantize, **options)
        if quantize:
            raise TextToSpeechError(
                "int8 weights on a GPU need Triton kernels: set kernels: true, or quantize: none"
            )
        return FastModel(config, weights, **options)
    if dtype == torch.float32:
        return FastModel(config, weights, quantize=quantize, **options)
    if quantize:
        raise TextToSpeechError("int8 weights on a CPU need dtype float32")
    return ReferenceModel(config, weights, **options)


def kernel_model(
    config: Dia2Config, weights: Path | Weights, *, quantize: bool = False, **options: Any
) -> FastModel:
    """The network with Triton kernels, each checked against PyTorch as it is loaded.

    Where there is no Triton, or a kernel does not do what it should, a warning says so and the
    fused network speaks. Raises TextToSpeechError: no Triton for int8 weights.
    """
    try:
        from tts.dia2.fast.gpu.check import find_fault
        from tts.dia2.fast.gpu.model import KernelModel
    except ImportError as error:
        if quantize:
            raise TextToSpeechError(
                f"int8 weights on a GPU need Triton: {pip_install('triton')}"
            ) from error
        fault = f"there is no Triton ({error}): {pip_install('triton')}"
    else:
        model = KernelModel(config, weights, quantize=quantize, **options)
        found = find_fault(model)
        if found is None:
            return model
        fault = found
        del model  # its memory is needed
    _log.warning("Dia2 runs without its own GPU kernels, some times slower: %s", fault)
    return FastModel(config, weights, **options)


def load_codec(
    folder: Path | str,
    codebooks: int | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Mimi:
    """Load the codec as `Mimi.load` does, with the attention that is fastest on its device."""
    return Mimi.load(folder, codebooks, device, dtype, select_attention(device, dtype))


def select_attention(
    device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> AttentionType:
    """The codec's attention: in compiled loops on a CPU in float32, if there is Numba."""
    if torch.device(device).type != "cpu" or dtype != torch.float32:
        return MaskedAttention
    try:
        from tts.dia2.fast.cpu import mimi_loops
    except ImportError:  # there is nothing that compiles
        return MaskedAttention
    mimi_loops.compile_loops()
    return mimi_loops.CompiledAttention
