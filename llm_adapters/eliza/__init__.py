"""ELIZA and her skills: embedded, rules only."""

from llm_adapters.eliza.adapter import Eliza

__all__ = ["Eliza"]
