"""Language models: a module or a folder for each adapter, and the protocol that all have."""

from llm_adapters.protocol import AS_CONFIGURED as AS_CONFIGURED
from llm_adapters.protocol import PATIENCE as PATIENCE
from llm_adapters.protocol import ContextTooLongError as ContextTooLongError
from llm_adapters.protocol import Effort as Effort
from llm_adapters.protocol import FailsFast as FailsFast
from llm_adapters.protocol import KeepsTime as KeepsTime
from llm_adapters.protocol import LanguageModel as LanguageModel
from llm_adapters.protocol import LanguageModelError as LanguageModelError
from llm_adapters.protocol import Message as Message
from llm_adapters.protocol import ModelOptions as ModelOptions
from llm_adapters.protocol import Notice as Notice
from llm_adapters.protocol import ReplyItem as ReplyItem
from llm_adapters.protocol import Summarises as Summarises
from llm_adapters.protocol import TakesOptions as TakesOptions
from llm_adapters.protocol import TextDelta as TextDelta
from llm_adapters.protocol import ToolCall as ToolCall
from llm_adapters.protocol import ToolSpec as ToolSpec
from llm_adapters.protocol import Truncation as Truncation
from llm_adapters.protocol import Usage as Usage
from llm_adapters.protocol import WarmsUp as WarmsUp
from llm_adapters.protocol import reply_with as reply_with

ADAPTERS = {
    "auto": "llm_adapters.auto:Auto",
    "eliza": "llm_adapters.eliza:Eliza",
    "llama": "llm_adapters.llama:Llama",
    "openai": "llm_adapters.openai:OpenAI",
}
"""Built-in adapters by name; other packages add theirs as entry points of group `parley.llm`."""
