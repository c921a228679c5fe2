"""The adapter `eliza`, the embedded default: rules only, and a few skills."""

from llm_adapters.eliza.adapter import Eliza

__all__ = ["Eliza"]
