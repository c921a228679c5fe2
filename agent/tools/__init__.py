"""Tools: what the language model can do besides talk."""

from agent.config.tools import ToolSettings
from agent.tools.builtin import Controls
from agent.tools.events import ToolCalled, ToolReturned
from agent.tools.function import function_tool
from agent.tools.tool import Say, Tool, ToolError
from agent.tools.toolbox import Toolbox

__all__ = [
    "Controls",
    "Say",
    "Tool",
    "ToolCalled",
    "ToolError",
    "ToolReturned",
    "ToolSettings",
    "Toolbox",
    "function_tool",
]
