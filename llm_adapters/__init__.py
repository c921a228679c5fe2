"""Language models: one module per adapter, one protocol."""

from llm_adapters.protocol import (
    GivesWay,
    LanguageModel,
    LanguageModelError,
    Message,
    Notice,
    ReplyItem,
    TextDelta,
    ToolCall,
    ToolSpec,
    Usage,
    WarmsUp,
)

ADAPTERS = {
    "auto": "llm_adapters.auto:Auto",
    "eliza": "llm_adapters.eliza:Eliza",
    "openai": "llm_adapters.openai:OpenAI",
}
"""Built-in adapters by name; other packages add theirs as entry points of group `parley.llm`."""

__all__ = [
    "ADAPTERS",
    "GivesWay",
    "LanguageModel",
    "LanguageModelError",
    "Message",
    "Notice",
    "ReplyItem",
    "TextDelta",
    "ToolCall",
    "ToolSpec",
    "Usage",
    "WarmsUp",
]
