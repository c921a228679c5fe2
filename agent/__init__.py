"""Parley: a real-time voice agent runtime. Hear, think, speak, as it happens.

async with Agent.open("offline") as agent:
    await Graph(microphone).then(agent).then(speaker).run()
"""

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.agent import Agent as Agent
    from agent.audio.files import WavMicrophone as WavMicrophone
    from agent.audio.files import WavSpeaker as WavSpeaker
    from agent.audio.microphone import DeviceMicrophone as DeviceMicrophone
    from agent.audio.speaker import DeviceSpeaker as DeviceSpeaker
    from agent.config.load import Config as Config
    from agent.config.load import load_config as load_config
    from agent.conversation.conversation import Conversation as Conversation
    from agent.errors import AudioError as AudioError
    from agent.errors import ConfigError as ConfigError
    from agent.errors import ParleyError as ParleyError
    from agent.errors import StageError as StageError
    from agent.events import Audio as Audio
    from agent.events import Event as Event
    from agent.graph import Graph as Graph
    from agent.graph import Stage as Stage
    from agent.stages import Listen as Listen
    from agent.stages import Speak as Speak
    from agent.stages import source as source

# The block above once more: what it names is imported when it is asked for.
_HOMES = {
    name: home
    for home, name in re.findall(
        r"^    from (\S+) import (\w+) as", Path(__file__).read_text("utf-8"), re.M
    )
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for: `import agent` stays fast (P8)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'agent' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
