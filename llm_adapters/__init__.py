"""Language models: a module or a folder for each adapter, and the protocol that all have."""

from llm_adapters.protocol import (
    FailsFast,
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
    "FailsFast",
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
