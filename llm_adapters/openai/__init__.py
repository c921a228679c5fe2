"""Any OpenAI-compatible server."""

from llm_adapters.openai.adapter import OpenAI

__all__ = ["OpenAI"]
