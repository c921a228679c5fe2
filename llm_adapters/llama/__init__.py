"""A model in a GGUF file, run by llama.cpp: no server to start, no account."""

from llm_adapters.llama.adapter import Llama

__all__ = ["Llama"]
