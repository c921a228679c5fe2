"""The networks of Dia2 by name, for the benches and checks that compare them."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tts.dia2.fast.model import FastModel
from tts.dia2.fast.select import kernel_model, select_model
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.model import Model, ReferenceModel
from tts.transformer.weights import Weights


class FbgemmModel(FastModel):
    """int8 weights by PyTorch's products alone: what our int8 loops are to be faster than."""

    def __init__(self, config: Dia2Config, weights: Weights, **options: Any) -> None:
        super().__init__(config, weights, quantize=True, **options)

    def _compiled(self, weights: Weights) -> None:
        del weights


NETWORKS: dict[str, Callable[..., Model]] = {
    "plain": ReferenceModel,
    "fast": FastModel,
    "int8": partial(FastModel, quantize=True),
    "quickest": select_model,
    "kernels": kernel_model,
}
"""The reference network, the fast one, that in int8, what is taken to speak with, and the one with
Triton kernels. All take `Model`'s arguments.
"""
