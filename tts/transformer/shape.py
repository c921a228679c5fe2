"""The size of a transformer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Transformer:
    """The size of one transformer."""

    layers: int
    width: int
    hidden: int
    """Rows of one branch of the gated MLP."""
    heads: int
    """Query heads."""
    kv_heads: int
    head_dim: int
    activations: tuple[str, str]
    """Of the MLP's gate and of its other branch: "silu", "gelu" (exact), "relu" or "linear"."""
